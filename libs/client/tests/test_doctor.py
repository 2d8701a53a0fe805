"""`ferry doctor` on fakes: every kind of trouble is found, alone and with others; each check ends in time."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from bus_fake import FakeBus, FakeJetStream, stats, user_info
from hypothesis import given, settings
from hypothesis import strategies as st
from nats.js.errors import ServiceUnavailableError

from ferry.client.connection import Denial
from ferry.client.doctor import local
from ferry.client.doctor.examination import Subject, examined, on_disk
from ferry.client.doctor.server import Server, reached
from ferry.client.settings import NatsSettings
from ferry.client.topology import TopologySettings
from ferry.contract import subjects
from ferry.contract.auth import AuthState, CloudState
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import Failure, PartitionState, Pause, Presence, State

VERSION = "1.2.3"


async def found(bus=None, jetstream=None, check_s=5.0):
    subject = Subject(bus or FakeBus(), jetstream or FakeJetStream(), VERSION, check_s)
    return await examined(subject)


def bad(findings):
    return [(one.check, one.state, one.what) for one in findings if one.state != "ok"]


def only(findings):
    (one,) = bad(findings)
    assert all(finding.todo for finding in findings if finding.state != "ok"), "each says what to do"
    return one


def serving(subject, answer):
    bus = FakeBus()
    bus.serving[subject] = lambda: answer
    return bus


async def test_what_is_well_is_ok():
    assert bad(await found()) == []


async def test_all_of_it_is_looked_at():
    checks = {one.check for one in await found()}
    assert checks == {
        *("account", "clock", "services", "thingplus token", "otosense token", "thingplus"),
        *("leases", "backlog", "dead letters", "streams", "fill", "storage"),
    }


@pytest.mark.parametrize("name", ["auth", "registry", "telemetry", "otosense"])
async def test_a_service_that_is_away_is_named(name):
    bus = FakeBus()
    bus.stats = [one for one in bus.stats if name not in one.decode()]
    assert only(await found(bus)) == ("services", "wrong", f"{name} does not answer")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([stats("auth", 1, version="1.2.2")], "auth 1.2.2, 1.2.3, 2 replicas"),
        ([stats("console", 0, version="9.0.0")], "console 9.0.0"),
    ],
)
async def test_versions_that_differ_are_a_warning(more, words):
    bus = FakeBus()
    bus.stats += more
    assert only(await found(bus)) == ("services", "warning", words)


async def test_answers_of_anybody_else_change_nothing():
    bus = FakeBus()
    bus.stats += [
        b"",
        b"[]",
        b"\xff",
        b'{"name":"ferry-auth"}',
        stats("auth"),
        json.dumps({"name": 1}).encode(),
    ]
    bus.stats += [json.dumps({"name": "other", "id": "1", "version": "x"}).encode(), b"[" * 50_000]
    bus.stats += [stats("auth", 7, endpoints=[{"name": "x", "num_requests": -1}]), stats("x" * 900)]
    assert bad(await found(bus)) == []


async def test_without_rights_nothing_is_called_wrong_and_the_right_is_named():
    bus = FakeBus(denied={"*"})
    findings = await found(bus)
    assert {state for _, state, _ in bad(findings)} == {"warning"}
    assert len(bad(findings)) == len(findings)
    assert all("not checked" in what for _, _, what in bad(findings))
    assert any("$SYS.REQ.USER.INFO" in (one.todo or "") for one in findings)


async def test_a_user_who_hears_no_answers_is_wrong():
    def refused():
        raise Denial("subscribe", "_inbox.>").error(NatsSettings(user="op"))

    bus = FakeBus()
    bus.serving["$SYS.REQ.USER.INFO"] = refused
    findings = await found(bus)
    assert ("account", "wrong") in [(check, state) for check, state, _ in bad(findings)]
    assert "FERRY_NATS__INBOX_PREFIX" in str([one.todo for one in findings])


async def test_nothing_waits_longer_than_a_check_may():
    begun = time.monotonic()
    findings = await found(FakeBus(silent={"*"}), FakeJetStream(), check_s=0.2)
    assert time.monotonic() - begun < 3
    assert {"account", "tokens", "thingplus", "leases", "storage"} <= {
        one.check for one in findings if one.state == "wrong"
    }


async def test_a_check_that_never_ends_is_ended_and_one_that_breaks_hides_no_other():
    class Stuck(FakeJetStream):
        async def stream_info(self, name):
            await asyncio.Event().wait()

    def broken():
        raise RuntimeError("\x1b[2J")

    bus = FakeBus()
    bus.serving[subjects.AUTH_STATE_GET] = broken
    findings = bad(await found(bus, Stuck(), check_s=0.05))
    assert ("streams", "wrong", "no answer within 0.05 s") in findings
    assert ("tokens", "wrong", "the check failed: RuntimeError: \x1b[2J") in findings
    assert len(findings) == 2


RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["server", "data", "time", "user", "permissions", "publish", "allow"]), inner
        )
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=20) | RUBBISH.map(lambda said: json.dumps(said).encode()))
def test_rubbish_from_the_server_is_a_warning(said):
    bus = FakeBus()
    bus.serving["$SYS.REQ.USER.INFO"] = bus.serving["$JS.API.INFO"] = lambda: said
    bus.stats += [said]
    findings = asyncio.run(found(bus))
    assert {check for check, _, _ in bad(findings)} <= {"account", "storage", "clock"}
    assert not any("check failed" in what for _, _, what in bad(findings))


def at(time_):
    said = json.loads(user_info())
    return json.dumps({**said, "server": {"time": time_}}).encode()


@pytest.mark.parametrize(
    ("ahead_s", "state"),
    [(0, "ok"), (1, "ok"), (-1, "ok"), (10, "warning"), (-10, "warning"), (900, "wrong"), (-900, "wrong")],
)
async def test_a_wrong_clock_is_said(ahead_s, state):
    moment = datetime.now(UTC) + timedelta(seconds=ahead_s)
    bus = serving("$SYS.REQ.USER.INFO", at(moment.isoformat()))
    (clock,) = [one for one in await found(bus) if one.check == "clock"]
    assert clock.state == state
    assert ahead_s in {0, 1, -1} or ("behind" if ahead_s > 0 else "ahead of") in clock.what


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-01-01T00:00:00"]
)
async def test_a_clock_far_away_is_wrong(moment):
    (clock,) = [one for one in await found(serving("$SYS.REQ.USER.INFO", at(moment))) if one.check == "clock"]
    assert clock.state == "wrong"


@pytest.mark.parametrize(
    ("allow", "words"),
    [
        (["ferry.v1.>", "$SRV.>"], "may see the state"),
        (["ferry.v1.gateways.a.>"], "has none of an operator's permissions"),
        ([], "has none of an operator's permissions"),
    ],
)
async def test_rights_are_said(allow, words):
    listed = {"publish": {"allow": allow}, "subscribe": {"allow": ["_INBOX_op.>"]}}
    (account,) = [
        one
        for one in await found(serving("$SYS.REQ.USER.INFO", user_info(permissions=listed)))
        if one.check == "account"
    ]
    assert words in account.what


def test_an_old_server_without_jetstream_is_wrong():
    info = {"version": "2.12.3", "jetstream": False, "max_payload": 1000}
    assert [state for _, state, _ in bad(reached(Server("u", info, 0.0)))] == ["wrong", "wrong", "warning"]


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("2.12.13", False),
        ("2.12.14", True),
        ("2.13.9", False),
        ("2.14.3", False),
        ("2.14.4", True),
        ("2.15.0", True),
        ("3.0.0", True),
        ("?", False),
        ("2.9", False),
    ],
)
def test_the_oldest_server(version, enough):
    info = {"version": version, "jetstream": True, "max_payload": 2**20}
    assert (bad(reached(Server("u", info, 0.0))) == []) is enough


async def test_a_stream_that_is_missing_or_altered_is_wrong():
    jetstream = FakeJetStream()
    del jetstream.streams["FERRY_DEAD"]
    jetstream.consumers.clear()
    jetstream.change("KV_ferry-registry", allow_rollup_hdrs=True)
    jetstream.change("FERRY_EVENTS", num_replicas=3)
    words = " ".join(what for _, _, what in bad(await found(jetstream=jetstream)))
    assert "FERRY_DEAD is missing" in words
    assert "otosense-follow is missing" in words
    assert "KV_ferry-registry: allow_rollup_hdrs is True, should be False" in words
    assert "FERRY_EVENTS: num_replicas is 3, should be 1" in words


async def test_what_the_site_has_chosen_is_no_difference():
    chosen = TopologySettings(replicas=3, partitions=48, readings_max_bytes=3 * 2**30)
    assert bad(await found(jetstream=FakeJetStream(chosen))) == []


async def test_a_stream_that_is_closed_to_publishers_is_wrong():
    jetstream = FakeJetStream()
    jetstream.change("FERRY_READINGS", max_bytes=1)
    assert ("streams", "wrong") in [
        (check, state) for check, state, _ in bad(await found(jetstream=jetstream))
    ]


@pytest.mark.parametrize(
    ("share", "state"), [(0.79, "ok"), (0.8, "warning"), (0.94, "warning"), (0.95, "wrong"), (1, "wrong")]
)
@pytest.mark.parametrize(
    "name", ["FERRY_READINGS", "FERRY_DEAD", "FERRY_OTOSENSE_FOLLOW", "KV_ferry-registry"]
)
async def test_a_stream_that_fills_is_said(name, share, state):
    jetstream = FakeJetStream()
    jetstream.fill(name, int(jetstream.streams[name].config.max_bytes * share) + 1)
    findings = bad(await found(jetstream=jetstream))
    assert [(check, said) for check, said, _ in findings] == ([] if state == "ok" else [("fill", state)])
    assert all(name in what for _, _, what in findings)


async def test_events_make_room_by_themselves():
    jetstream = FakeJetStream()
    jetstream.fill("FERRY_EVENTS", 256 * 2**20)
    assert bad(await found(jetstream=jetstream)) == []


async def test_jetstream_that_fails_is_said():
    failing = ServiceUnavailableError(code=503, description="JetStream not available")
    check, state, what = only(await found(jetstream=FakeJetStream(error=failing)))
    assert (check, state, "JetStream not available" in what) == ("streams", "wrong", True)


@pytest.mark.parametrize(("used", "state"), [(79, "ok"), (80, "warning"), (99, "wrong")])
async def test_an_account_whose_storage_ends_is_said(used, state):
    told = json.dumps({"storage": used, "limits": {"max_storage": 100}}).encode()
    findings = bad(await found(serving("$JS.API.INFO", told)))
    assert [(check, said) for check, said, _ in findings] == ([] if state == "ok" else [("storage", state)])


def state_of(**changed):
    healthy = FakeBus().serving[subjects.TELEMETRY_STATE_GET]()
    assert isinstance(healthy, State)
    return serving(subjects.TELEMETRY_STATE_GET, healthy.model_copy(update=changed))


TROUBLE = [
    (
        {"partitions": [PartitionState(partition=0, owner="r"), PartitionState(partition=7, lag=3)]},
        "leases",
        "wrong",
        "(7); 3 wait",
    ),
    (
        {"partitions": [PartitionState(partition=0, owner="r", oldest_age_ms=700_000)], "waiting": 9},
        "backlog",
        "warning",
        "700 s",
    ),
    ({"dead": 2}, "dead letters", "warning", "2 messages"),
    (
        {
            "replicas": [
                Presence(replica="r", breaker="open", failures=(Failure(at=1, what="503 by the cloud"),))
            ]
        },
        *("thingplus", "wrong", "503 by the cloud"),
    ),
]


TROUBLE += [
    (
        {"paused": [Pause(gateway="plant-7", sensor="s", at=0, reason="works")]},
        "paused",
        "warning",
        "plant-7/s for",
    ),
    ({"paused": [Pause(at=0)]}, "paused", "warning", "every gateway for"),
    ({"replicas": [Presence(replica="r", failing_lanes=2)]}, "sensors", "warning", "2 sensors fail"),
    (
        {"replicas": [Presence(replica="r", unregistered_lanes=1)]},
        "sensors",
        "warning",
        "1 sensor not confirmed",
    ),
    (
        {"replicas": [Presence(replica="r", dead_letters_unstored=1)]},
        "dead letters",
        "wrong",
        "cannot be stored",
    ),
    (
        {"replicas": [Presence(replica="r", breaker="half_open", breaker_cause="404 text/html")]},
        *("thingplus", "wrong", "404 text/html"),
    ),
]


@pytest.mark.parametrize(("changed", "check", "state", "words"), TROUBLE)
async def test_what_telemetry_says_is_judged(changed, check, state, words):
    said = only(await found(state_of(**changed)))
    assert said[:2] == (check, state)
    assert words in said[2]


@pytest.mark.parametrize("cloud", ["thingplus", "otosense"])
@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"state": "refused", "detail": "incorrect_client_credentials"}, "wrong"),
        ({"state": "unavailable", "detail": "the name x does not resolve"}, "wrong"),
        ({"state": "bad_answer", "detail": "404 text/html"}, "wrong"),
        ({"state": "starting"}, "warning"),
        ({"state": "ok", "generation": 3, "failures": 4, "detail": "503"}, "warning"),
        ({"state": "unconfigured"}, None),
    ],
)
async def test_tokens_of_both_clouds(cloud, said, state):
    bus = serving(subjects.AUTH_STATE_GET, AuthState(clouds=[CloudState(cloud=cloud, **said)]))
    if state is None:
        assert bad(await found(bus)) == []
        return
    check, seen, what = only(await found(bus))
    assert (check, seen) == (f"{cloud} token", state)
    assert said.get("detail", "") in what


async def test_a_cloud_that_the_registry_cannot_reach_is_said():
    def refused():
        raise ProblemError.of("cloud", 502, "Thing+ does not answer", detail="connection refused")

    bus = FakeBus()
    bus.serving[subjects.REGISTRY_SITES_LIST] = refused
    assert only(await found(bus)) == ("thingplus", "wrong", "Thing+ does not answer: connection refused")


async def test_a_cloud_that_is_off_is_no_trouble():
    def off():
        raise ProblemError.of("unconfigured", 503, "no Thing+ cloud is configured")

    bus = FakeBus()
    bus.serving[subjects.REGISTRY_SITES_LIST] = bus.serving[subjects.TELEMETRY_STATE_GET] = off
    assert bad(await found(bus)) == []


async def test_several_things_wrong_at_once_are_all_said():
    jetstream = FakeJetStream()
    del jetstream.streams["KV_ferry-tokens"]
    jetstream.fill("FERRY_DEAD", 512 * 2**20)
    bus = FakeBus()
    bus.stats = [stats("registry"), stats("otosense")]
    for subject in (subjects.AUTH_STATE_GET, subjects.TELEMETRY_STATE_GET):
        del bus.serving[subject]
    bus.serving["$SYS.REQ.USER.INFO"] = lambda: at("2020-01-01T00:00:00Z")
    findings = await found(bus, jetstream)
    wrong = [one.check for one in findings if one.state == "wrong"]
    assert sorted(wrong) == sorted(["clock", "services", "services", "tokens", "leases", "streams", "fill"])
    assert all(one.todo for one in findings if one.state != "ok")


def test_a_secret_that_others_may_read_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("FERRY_SECRETS_DIR", str(tmp_path))
    (tmp_path / "FERRY_NATS__PASSWORD").write_text("x")
    (tmp_path / "FERRY_NATS__PASSWORD").chmod(0o644)
    assert bad(local.settings(NatsSettings(), None))[0][1] == "warning"
    (tmp_path / "FERRY_NATS__PASSWORD").chmod(0o600)
    assert bad(local.settings(NatsSettings(), None)) == []


HEALTHY = {
    "/healthz": {"status": "ok"},
    "/jsz": {"storage": 1, "config": {"max_storage": 100}, "reserved_storage": 9},
}
MONITORS = [
    (HEALTHY, []),
    ({**HEALTHY, "/healthz": {"status": "unavailable", "error": "stream x froze"}}, ["wrong"]),
    ({**HEALTHY, "/jsz": {"storage": 96, "config": {"max_storage": 100}}}, ["wrong"]),
    ({**HEALTHY, "/jsz": {"storage": 85, "config": {"max_storage": 100}}}, ["warning"]),
    (
        {**HEALTHY, "/jsz": {"storage": 1, "config": {"max_storage": 100}, "reserved_storage": 200}},
        ["warning"],
    ),
    ({**HEALTHY, "/jsz": []}, ["wrong"]),
    ({**HEALTHY, "/jsz": {"config": None, "storage": 1}}, ["wrong"]),
    ({**HEALTHY, "/jsz": "x" * 5_000_000}, ["wrong"]),
    ({}, ["wrong"]),
    (None, ["wrong"]),
]


@pytest.mark.parametrize(("pages", "states"), MONITORS)
async def test_the_monitoring_port(pages, states):
    async def answer(reader, writer):
        path = (await reader.readline()).split()[1].decode()
        if pages is None:
            await reader.read()  # never answers
            writer.close()
            return
        if path in pages:
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(pages[path]).encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        findings = await on_disk(f"http://127.0.0.1:{port}/", 0.5)
    assert [state for _, state, _ in bad(findings)] == states


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nats://x",
        "http://",
        "http://127.0.0.1:1",
        "http://[",
        "http://a b",
        "http://x\r\ny",
        "http://h:99999",
    ],
)
async def test_a_monitor_that_is_none_is_said(url):
    (one,) = await on_disk(url, 2)
    assert one.state == "wrong"
