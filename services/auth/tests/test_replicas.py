"""Four replicas as processes of their own: one request for all, whatever becomes of who makes it."""

import asyncio
import contextlib
import signal
import sys
import time

import pytest

from ferry.contract.auth import BearerRefusedError, Token
from ferry.runtime.tokens import Tokens
from harness.auth import auth_processes, get_token, has_logged, otosense_env, thingplus_env
from harness.processes import Process, eventually
from harness.token_cloud import token_cloud

TOKEN_PATH = "/v2/oauth2/token"


@pytest.fixture
async def cloud():
    async with token_cloud() as serving:
        yield serving


def skewed(seconds: int) -> list[str]:
    """Auth on a machine whose clock is wrong."""
    code = (
        "import runpy, time; right = time.time; "
        f"time.time = lambda: right() + {seconds}; runpy.run_module('ferry.auth', run_name='__main__')"
    )
    return [sys.executable, "-c", code]


async def asking(replicas: list[Process]) -> Process:
    """The replica that holds the lease and waits for the cloud."""

    async def found() -> Process | None:
        askers = [one for one in replicas if one.running and "token.asking" in one.text()]
        return next((one for one in askers if "token.obtained" not in one.text()), None)

    one = await eventually(found, what="a replica that asks the cloud")
    assert isinstance(one, Process)
    return one


async def test_four_replicas_make_one_request_for_a_thousand_rejections(bus, nats_client, cloud, tmp_path):
    async with auth_processes(bus, thingplus_env(cloud), tmp_path, 4):
        first = await asyncio.gather(*(get_token(nats_client) for _ in range(100)))
        assert {one.generation for one in first} == {1}
        assert cloud.count(TOKEN_PATH) == 1
        got = await asyncio.gather(*(get_token(nats_client, rejected=1) for _ in range(1000)))
        assert {one.generation for one in got} == {2}
        assert len({one.access_token for one in got}) == 1
        assert cloud.count(TOKEN_PATH) == 2


async def test_a_replica_killed_while_refreshing_is_replaced_within_seconds(
    bus, nats_client, cloud, tmp_path
):
    cloud.hold = asyncio.Event()
    async with auth_processes(bus, thingplus_env(cloud), tmp_path, 3) as replicas:
        victim = await asking(replicas)

        async def asked() -> bool:
            return bool(cloud.count(TOKEN_PATH) == 1)

        await eventually(asked, what="its request at the cloud")  # the log line comes a moment earlier
        await victim.kill()
        begun = time.monotonic()
        cloud.hold.set()
        token = await get_token(nats_client)
        assert token.generation == 1
        assert time.monotonic() - begun < 6
        assert cloud.count(TOKEN_PATH) == 2
        assert cloud.accepts(token.access_token.get_secret_value())


async def test_a_replica_that_wakes_up_too_late_overwrites_nothing(bus, nats_client, cloud, tmp_path):
    cloud.hold = asyncio.Event()
    async with auth_processes(bus, thingplus_env(cloud), tmp_path, 2) as replicas:
        sleeper = await asking(replicas)
        sleeper.send(signal.SIGSTOP)
        cloud.hold.set()
        other = next(one for one in replicas if one is not sleeper)
        await has_logged(other, "token.obtained")
        sleeper.send(signal.SIGCONT)
        await has_logged(sleeper, "token.discarded")
        got = await asyncio.gather(*(get_token(nats_client) for _ in range(40)))
        assert len({(one.generation, one.access_token) for one in got}) == 1


async def test_a_replica_told_to_stop_while_refreshing_gives_the_lease_back(
    bus, nats_client, cloud, tmp_path
):
    cloud.hold = asyncio.Event()
    async with auth_processes(bus, thingplus_env(cloud), tmp_path, 2) as replicas:
        stopped = await asking(replicas)
        assert await stopped.stop() == 0
        begun = time.monotonic()
        cloud.hold.set()
        assert (await get_token(nats_client)).generation == 1
        assert time.monotonic() - begun < 2


@pytest.mark.alone
async def test_two_second_tokens_and_wrong_clocks_trouble_no_caller(bus, nats_client, cloud, tmp_path):
    """Eight callers use the token all the time; every use must find it alive, generation after generation."""
    cloud.life_s = 2.0
    commands = [skewed(300), skewed(-300), skewed(0), skewed(7200)]
    refused: list[int] = []
    generations: set[int] = set()
    env = thingplus_env(cloud) | otosense_env(cloud)
    async with auth_processes(bus, env, tmp_path, commands):
        tokens = Tokens(nats_client, "thingplus")

        async def use(token: Token) -> None:
            generations.add(token.generation)
            if not cloud.accepts(token.access_token.get_secret_value()):
                refused.append(token.generation)
                raise BearerRefusedError

        async def caller(until: float) -> None:
            while time.monotonic() < until:
                await tokens.with_token(use)
                await asyncio.sleep(0.01)

        until = time.monotonic() + 6
        await asyncio.gather(*(caller(until) for _ in range(8)))
    assert refused == []
    assert len(generations) >= 4
    assert cloud.count(TOKEN_PATH) <= max(generations) + 1


async def test_an_hour_long_token_survives_revocations_with_one_request_each(
    bus, nats_client, cloud, tmp_path
):
    async with auth_processes(bus, thingplus_env(cloud), tmp_path, 2):
        callers = [Tokens(nats_client, "thingplus") for _ in range(5)]

        async def use(token: Token) -> int:
            if not cloud.accepts(token.access_token.get_secret_value()):
                raise BearerRefusedError
            return token.generation

        for generation in (1, 2, 3):
            calls = (tokens.with_token(use) for tokens in callers for _ in range(20))
            assert set(await asyncio.gather(*calls)) == {generation}
            assert cloud.count(TOKEN_PATH) == generation
            cloud.revoke()


async def test_auth_without_a_cloud_refuses_to_start_and_says_what_to_set(bus, tmp_path):
    with contextlib.suppress(AssertionError):
        async with auth_processes(bus, {}, tmp_path) as _:
            pytest.fail("it started")
    assert "FERRY_THINGPLUS__URL, FERRY_OTOSENSE__URL or both" in (tmp_path / "auth-0.log").read_text()
