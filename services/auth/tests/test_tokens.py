"""One replica on a real bus, against a token endpoint on a real socket."""

import asyncio
import time

import pytest
from nats.js.api import ConsumerConfig, DeliverPolicy

from ferry.auth.app import lifespan
from ferry.auth.credentials.accounts import accounts
from ferry.auth.settings import AuthSettings
from ferry.auth.tokens.shared import Shared, TokenRecord
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.runtime.service import running
from harness.auth import get_state, get_token, thingplus_env
from harness.auth_in_process import auth, bucket_of, settings
from harness.processes import eventually
from harness.token_cloud import PASSWORD_MD5, SECRET, reply, token_cloud

DAY_S = 86_400.0
TOKEN_PATH = "/v2/oauth2/token"


@pytest.fixture
async def cloud():
    async with token_cloud() as serving:
        yield serving


class Unreadable:
    """Nothing of it is unreadable."""

    def skip(self, key: str, revision: int, why: str) -> None:
        raise AssertionError(f"{key} at {revision}: {why}")


async def problem_of(request) -> ProblemError:
    with pytest.raises(ProblemError) as refused:
        await request
    return refused.value


async def events_of(client) -> list[str]:
    """The subjects of all events so far, in order."""
    jetstream = client.jetstream()
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    stored = (await jetstream.stream_info("FERRY_EVENTS")).state.messages
    if not stored:
        return []
    consumer = await jetstream.pull_subscribe(subjects.EVENTS, config=config)
    seen = [message.subject for message in await consumer.fetch(stored, timeout=2)]
    await consumer.unsubscribe()
    return [subject.removeprefix("ferry.v1.events.auth.") for subject in seen]


async def test_both_clouds_are_asked_as_the_guides_say(bus, nats_client, cloud):
    async with auth(bus, cloud, otosense=True):
        got = await get_token(nats_client)
        assert got.generation == 1
        assert got.access_token.get_secret_value() in cloud.granted
        assert 3590 < got.expires_in <= 3600
        assert abs(got.expires_at / 1000 - time.time() - got.expires_in) < 1
        other = await get_token(nats_client, cloud="otosense")
        assert other.access_token.get_secret_value() in cloud.granted
    asked = {path: (headers, form) for path, headers, form in cloud.asked}
    headers, form = asked[TOKEN_PATH]
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert form == {
        "grant_type": "password",
        "client_id": "id",
        "client_secret": SECRET,
        "username": "me",
        "password": PASSWORD_MD5,
    }
    headers, form = asked["/oauth/token"]
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert form == {"grant_type": "client_credentials"}


async def test_a_thousand_questions_are_answered_from_memory(bus, nats_client, cloud):
    async with auth(bus, cloud):
        got = await asyncio.gather(*(get_token(nats_client) for _ in range(1000)))
    assert {one.generation for one in got} == {1}
    assert cloud.count(TOKEN_PATH) == 1


async def test_a_thousand_rejections_of_one_generation_are_one_request(bus, nats_client, cloud):
    async with auth(bus, cloud):
        await get_token(nats_client)
        got = await asyncio.gather(*(get_token(nats_client, rejected=1) for _ in range(1000)))
        assert {one.generation for one in got} == {2}
        assert (await get_token(nats_client, rejected=1)).generation == 2
        assert (await get_token(nats_client, rejected=7)).generation == 2
    assert cloud.count(TOKEN_PATH) == 2


async def test_a_cloud_that_refuses_every_fresh_token_is_not_flooded(bus, nats_client, cloud):
    async with auth(bus, cloud):
        begun, generation = time.monotonic(), (await get_token(nats_client)).generation
        while generation < 4:
            generation = (await get_token(nats_client, rejected=generation)).generation
        assert 3 <= time.monotonic() - begun < 10
    assert cloud.count(TOKEN_PATH) == 4


def token_error(code: str, status: int) -> bytes:
    """As Thing+ refuses a token (facts: not RFC-shaped)."""
    body = f'{{"name":"TokenError","message":"no","code":"{code}","status":{status}}}'
    return reply(status, body.encode())


HOSTILE = {
    "wrong secret": (token_error("incorrect_client_credentials", 401), "refused", "incorrect_client"),
    "wrong user": (token_error("incorrect_user_credentials", 401), "refused", "incorrect_user"),
    "revoked user": (token_error("unauthorized_user", 403), "refused", "unauthorized_user"),
    "unsupported grant": (token_error("unsupported_grant_type", 501), "bad_answer", "unsupported_grant"),
    "no such path": (
        reply(404, b"<html>no</html>", "Content-Type: text/html"),
        "bad_answer",
        "404 with text/html",
    ),
    "a portal": (
        reply(401, b"<html>log in</html>", "Content-Type: text/html"),
        "bad_answer",
        "401 with text/html",
    ),
    "no such method": (reply(405, b""), "bad_answer", "405 with empty body"),
    "a proxy": (reply(407, b"log in"), "bad_answer", "407 with untyped body"),
    "too large": (reply(413, b"{}"), "bad_answer", "413 with"),
    "bare string": (reply(401, b'"Access denied"'), "refused", "Access denied"),
    "no JSON": (reply(200, b"<html>a proxy</html>"), "bad_answer", "not a JSON object"),
    "no token": (reply(200, b'{"token_type":"Bearer"}'), "bad_answer", "no usable access_token"),
    "a line break": (reply(200, b'{"access_token":"a\\r\\nb"}'), "bad_answer", "no usable access_token"),
    "redirect": (reply(302, b"", "Location: https://elsewhere.invalid/"), "bad_answer", "not followed"),
    "10 MB": (reply(200, b'{"access_token":"' + b"x" * 10_000_000), "bad_answer", "more than"),
    "5xx": (reply(503, b"busy"), "unavailable", "503"),
    "429": (reply(429, b"{}", "Retry-After: 120"), "unavailable", "429"),
    "no HTTP": (b"\x00\x01garbage\r\n\r\n", "unavailable", "the request failed"),
    "silence": (b"", "unavailable", "the connection was cut"),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_each_way_to_give_no_token_is_a_clear_state(case, bus, nats_client, cloud):
    cloud.answer, expected, words = HOSTILE[case]
    async with auth(bus, cloud):
        begun = time.monotonic()
        problem = (await problem_of(get_token(nats_client))).problem
        assert time.monotonic() - begun < 5
        assert problem.status == 503
        assert problem.type.endswith(f"credentials-{expected}".replace("_", "-"))
        assert words in problem.detail
        assert problem.hint
        state = await get_state(nats_client)
        assert (state.state, state.generation) == (expected, None)
        assert state.next_attempt_at is not None
        wait_s = state.next_attempt_at / 1000 - time.time()
        assert 60 < wait_s < 121 if case == "429" else wait_s < 6
        told = ["credentials.refused"] if expected == "refused" else []
        assert await events_of(nats_client) == told


async def test_a_token_endpoint_that_hangs_is_given_up_in_time(bus, nats_client, cloud):
    cloud.hold = asyncio.Event()
    async with auth(bus, cloud):
        problem = (await problem_of(get_token(nats_client))).problem
        assert "not within 1 s" in problem.detail
        assert (await get_state(nats_client)).state == "unavailable"


async def test_while_the_endpoint_is_away_the_old_token_serves_until_it_really_ends(bus, nats_client, cloud):
    cloud.life_s = 6.0  # a quarter of it must be enough to ask once more, on a busy machine too
    async with auth(bus, cloud):
        first = await get_token(nats_client)
        cloud.answer = reply(503, b"away")

        async def unavailable() -> bool:
            return (await get_state(nats_client)).state == "unavailable"

        await eventually(unavailable, what="a failed refresh")
        again = await get_token(nats_client)
        assert again.generation == 1
        assert again.expires_in < first.expires_in - 1
        assert cloud.accepts(again.access_token.get_secret_value())

        async def ended() -> bool:
            return (await get_state(nats_client)).generation is None

        await eventually(ended, what="the end of the token")
        problem = await problem_of(get_token(nats_client))
        assert problem.problem.type.endswith("credentials-unavailable")
        cloud.answer = None

        async def back() -> bool:
            return (await get_state(nats_client)).state == "ok"

        await eventually(back, what="the next attempt")
        assert (await get_token(nats_client)).generation == 2
        events = await events_of(nats_client)
        # an attempt that falls into the last tenth of the token's life also warns of its end
        assert [event for event in events if event != "token.ending"] == ["credentials.accepted"]


async def test_a_spurious_rejection_takes_the_token_from_nobody_else(bus, nats_client, cloud):
    async with auth(bus, cloud):
        await get_token(nats_client)
        cloud.answer = reply(503, b"away")
        problem = await problem_of(get_token(nats_client, rejected=1))
        assert problem.problem.type.endswith("credentials-unavailable")
        assert (await get_token(nats_client)).generation == 1


async def test_a_ninety_day_token_in_its_last_days_raises_one_alarm(bus, nats_client, cloud):
    cloud.answer = reply(503, b"away")
    chosen = settings(bus, cloud)
    record = TokenRecord(
        generation=7,
        access_token="old",
        life_s=90 * DAY_S,
        left_s=6 * DAY_S,
        refresh_in_s=-16 * DAY_S,
        fingerprint=accounts(chosen)["thingplus"].fingerprint,
    )
    shared = Shared(bucket_of(bus, nats_client), "thingplus", Unreadable())
    await shared.write_token(accounts(chosen)["thingplus"].cipher, record, 0)
    async with auth(bus, cloud) as one, auth(bus, cloud):
        assert (await get_token(nats_client)).generation == 7

        async def tried_twice() -> bool:
            return bool(cloud.count(TOKEN_PATH) >= 2)

        await eventually(tried_twice, what="a second attempt")
        assert await one.ready() is None
        assert await events_of(nats_client) == ["token.ending"]


async def test_a_lost_bucket_is_filled_again_without_asking_the_cloud(bus, nats_client, cloud):
    async with auth(bus, cloud):
        await get_token(nats_client, rejected=(await get_token(nats_client)).generation)
        await bus.process.kill()
        await bus.restart()
        bucket = bucket_of(bus, nats_client)

        async def restored() -> bool:
            try:
                return bool((await bucket.read("thingplus.token")).value)
            except Exception:  # noqa: BLE001 - the server is still starting
                return False

        await eventually(restored, what="the token in the bucket")
        async with auth(bus, cloud):
            got = await asyncio.gather(*(get_token(nats_client) for _ in range(50)))
            assert {one.generation for one in got} == {2}
    assert cloud.count(TOKEN_PATH) == 2


async def test_who_reads_the_bucket_learns_nothing_and_who_writes_it_gains_nothing(bus, nats_client, cloud):
    async with auth(bus, cloud):
        token = await get_token(nats_client)
        bucket = bucket_of(bus, nats_client)
        entry = await bucket.read("thingplus.token")
        attempt = await bucket.read("thingplus.attempt")
        assert entry.value
        assert attempt.value
        for value in (entry.value, attempt.value):
            for word in (
                b"canary",
                b"generation",
                b"outcome",
                token.access_token.get_secret_value().encode(),
            ):
                assert word not in value
        await bucket.write("thingplus.token", attempt.value, entry.revision)
        assert (await get_token(nats_client, rejected=1)).generation == 2
        assert (await get_token(nats_client)).access_token.get_secret_value() in cloud.granted


async def test_missing_settings_are_named_to_who_asks(bus, nats_client, cloud):
    async with auth(bus, cloud, client_secret=None):
        problem = (await problem_of(get_token(nats_client))).problem
        assert problem.type.endswith("unconfigured")
        assert "set FERRY_THINGPLUS__CLIENT_SECRET in" in str(problem.hint)
        problem = (await problem_of(get_token(nats_client, cloud="otosense"))).problem
        assert "FERRY_OTOSENSE__URL, FERRY_OTOSENSE__CLIENT_ID" in str(problem.hint)
        assert (await get_state(nats_client)).state == "unconfigured"
    assert cloud.asked == []


async def test_a_late_comer_knows_how_old_the_shared_token_is(bus, nats_client, cloud):
    async with auth(bus, cloud):

        async def aged() -> bool:
            return (await get_token(nats_client)).expires_in < 3599

        await eventually(aged, what="a token older than a second")
    async with auth(bus, cloud):
        assert (await get_token(nats_client)).expires_in < 3599
    assert cloud.count(TOKEN_PATH) == 1


async def rotated(bus, cloud, tmp_path, monkeypatch, first):
    """Settings as they were read before the file of a secret changed."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    env = {
        **bus.env("auth"),
        **thingplus_env(cloud),
        "FERRY_SECRETS_DIR": str(folder),
        "FERRY_HEALTH__PORT": "0",
    }
    del env["FERRY_THINGPLUS__CLIENT_SECRET"]
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    if first is not None:
        (folder / "FERRY_THINGPLUS__CLIENT_SECRET").write_text(first)
    read = AuthSettings()
    (folder / "FERRY_THINGPLUS__CLIENT_SECRET").write_text(SECRET)
    return read


@pytest.mark.parametrize("first", ["old", None], ids=["changed", "new"])
async def test_a_secret_rotated_before_the_first_look_is_taken_up(
    bus, nats_client, cloud, tmp_path, monkeypatch, first
):
    """And the one that it was before is asked with by nobody."""
    read = await rotated(bus, cloud, tmp_path, monkeypatch, first)
    async with running("auth", read, lifespan):
        assert (await get_token(nats_client)).generation == 1
    assert cloud.count(TOKEN_PATH) == 1
    assert await events_of(nats_client) == []


@pytest.mark.parametrize("trouble", ["no text", "gone"])
async def test_a_directory_that_cannot_be_read_takes_no_credentials_away(
    bus, nats_client, cloud, tmp_path, monkeypatch, trouble
):
    read = await rotated(bus, cloud, tmp_path, monkeypatch, SECRET)
    quick = read.model_copy(update={"auth": read.auth.model_copy(update={"secrets_poll_s": 0.05})})
    folder = tmp_path / "secrets"
    async with running("auth", quick, lifespan):
        assert (await get_token(nats_client)).generation == 1
        if trouble == "gone":
            folder.rename(tmp_path / "away")
        else:
            (folder / "FERRY_THINGPLUS__CLIENT_SECRET").write_bytes(b"\xff\xfe")
        await asyncio.sleep(0.3)
        assert (await get_state(nats_client)).state == "ok"
        assert (await get_token(nats_client, rejected=1)).generation == 2
