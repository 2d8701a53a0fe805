"""Auth for tests: as a process, and asked as its callers ask."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from nats.aio.client import Client

from ferry.contract import subjects
from ferry.contract.auth import AuthState, Cloud, CloudState, StateRequest, Token, TokenRequest
from ferry.contract.problems import ProblemError
from ferry.runtime.requests import ask
from harness.bus import Bus
from harness.processes import Process, eventually, forked, process
from harness.token_cloud import OTOSENSE_SECRET, PASSWORD, SECRET, TokenCloud

R = TypeVar("R")


async def answer_of(work: Callable[[], Awaitable[R]]) -> R:
    """What auth answers, once it serves: a subscription may be known to the server a moment later."""
    until = time.monotonic() + 5
    while True:
        try:
            return await work()
        except ProblemError as error:
            if not error.problem.type.endswith("no-service") or time.monotonic() > until:
                raise
        await asyncio.sleep(0.02)


async def get_token(client: Client, rejected: int | None = None, cloud: Cloud = "thingplus") -> Token:
    request, subject = TokenRequest(rejected=rejected), subjects.AUTH_TOKEN_GET[cloud]
    return await answer_of(lambda: ask(client, subject, request, Token))


async def get_state(client: Client, cloud: str = "thingplus") -> CloudState:
    found = await answer_of(lambda: ask(client, subjects.AUTH_STATE_GET, StateRequest(), AuthState))
    return next(one for one in found.clouds if one.cloud == cloud)


def thingplus_env(cloud: TokenCloud) -> dict[str, str]:
    return {
        "FERRY_THINGPLUS__URL": f"{cloud.url}/v2",
        "FERRY_THINGPLUS__CLIENT_ID": "id",
        "FERRY_THINGPLUS__CLIENT_SECRET": SECRET,
        "FERRY_THINGPLUS__USERNAME": "me",
        "FERRY_THINGPLUS__PASSWORD": PASSWORD,
    }


def otosense_env(cloud: TokenCloud) -> dict[str, str]:
    return {
        "FERRY_OTOSENSE__URL": cloud.url,
        "FERRY_OTOSENSE__CLIENT_ID": "oto",
        "FERRY_OTOSENSE__CLIENT_SECRET": OTOSENSE_SECRET,
    }


def auth_env(bus: Bus, cloud_env: Mapping[str, str], folder: Path) -> dict[str, str]:
    return {
        **bus.env("auth"),
        "FERRY_HEALTH__HOST": "127.0.0.1",
        "FERRY_HEALTH__PORT": "0",
        "FERRY_LOG__LEVEL": "debug",
        "FERRY_SECRETS_DIR": str(folder / "secrets"),
        **cloud_env,
    }


@asynccontextmanager
async def auth_processes(
    bus: Bus, cloud_env: Mapping[str, str], folder: Path, commands: int | list[list[str]] = 1
) -> AsyncIterator[list[Process]]:
    """Replicas of auth, started together; a command of its own for each, or a number of plain ones."""
    chosen = [None] * commands if isinstance(commands, int) else commands
    env = auth_env(bus, cloud_env, folder)
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(
                process(name, command, folder, env) if command else forked(name, "ferry.auth", folder, env)
            )
            for name, command in ((f"auth-{number}", command) for number, command in enumerate(chosen))
        ]
        for one in started:
            await has_logged(one, "service.started")
        yield started


async def has_logged(one: Process, words: str, within_s: float = 20.0) -> None:
    async def said() -> bool:
        assert one.running or words in one.text(), one.text()[-2000:]
        return words in one.text()

    await eventually(said, within_s=within_s, what=f"{words!r} in the log of {one.name}")
