"""A stop signal at any moment of a start ends the process, cleanly where it can and within its bound where not."""

import asyncio
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from harness.bus import bus as a_bus
from harness.processes import Process, eventually, python

SHUTDOWN_S = 6.0
ENV = {
    "FERRY_HEALTH__HOST": "127.0.0.1",
    "FERRY_HEALTH__PORT": "0",
    "FERRY_SHUTDOWN_S": str(SHUTDOWN_S),
    "FERRY_THINGPLUS__URL": "http://127.0.0.1:1/v2",
    "FERRY_OTOSENSE__URL": "http://127.0.0.1:1",
}
SERVICES = ("auth", "registry", "telemetry", "otosense")
SLACK_S = 2.0
"""Of a loaded machine, and of an interpreter that is just importing."""


@pytest.fixture
async def empty_bus(tmp_path):
    """A server without the contract's streams: the topology's job has not run yet."""
    async with a_bus(tmp_path / "bus") as running:
        yield running


STARTED: list[Process] = []


@pytest.fixture(autouse=True)
async def _none_is_left():
    yield
    while STARTED:
        process = STARTED.pop()
        if process.running:
            await process.kill()


async def started(tmp_path, command, url="nats://127.0.0.1:1", **env):
    process = await Process.start("service", command, tmp_path, {**ENV, "FERRY_NATS__URL": url, **env})
    STARTED.append(process)
    return process


async def forked(tmp_path, service, url="nats://127.0.0.1:1"):
    """For what comes after the imports."""
    env = {**ENV, "FERRY_NATS__URL": url}
    process = await Process.fork("service", f"ferry.{service}", tmp_path, env)
    STARTED.append(process)
    return process


async def has_said(process, words):
    async def said():
        assert process.running, process.text()
        return words in process.text()

    await eventually(said, within_s=20, what=words)


async def stopped(process):
    """Its exit code, within the bound."""
    begun = time.monotonic()
    code = await process.stop(within_s=SHUTDOWN_S + SLACK_S)
    assert time.monotonic() - begun < SHUTDOWN_S + SLACK_S
    return code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("after_s", [0.05, 0.4, 0.8, 1.2])
async def test_while_it_is_imported(tmp_path, after_s, number):
    process = await started(tmp_path, python("ferry.auth"))
    await asyncio.sleep(after_s)
    process.send(number)
    code = await asyncio.wait_for(process.child.wait(), SHUTDOWN_S + SLACK_S)  # by then it may be starting
    # an interpreter that is interrupted before our first line ends with 1
    assert code in (0, -number) or (number == signal.SIGINT and code == 1), process.text()
    assert "Traceback" not in process.text() or number == signal.SIGINT


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare")
async def test_as_process_1_while_it_is_imported(tmp_path):
    """As in a container, where the kernel ignores a signal that has no handler."""
    process = await started(tmp_path, ["unshare", "--pid", "--fork", "--kill-child", *python("ferry.auth")])

    children = Path(f"/proc/{process.child.pid}/task/{process.child.pid}/children")

    async def inner():
        return children.read_text().split()  # noqa: ASYNC240 - a file of the kernel

    await eventually(inner, what="process 1")
    (child,) = await inner()
    await asyncio.sleep(0.3)
    assert "health.listening" not in process.text(), "too late: it is not importing any more"
    os.kill(int(child), signal.SIGTERM)
    assert await asyncio.wait_for(process.child.wait(), SLACK_S) == 0


@pytest.mark.parametrize("service", SERVICES)
async def test_while_nats_is_not_there(tmp_path, service):
    process = await forked(tmp_path, service)
    await has_said(process, "nats.connecting")
    assert await stopped(process) == 0


@pytest.mark.parametrize("service", SERVICES)
async def test_while_the_streams_are_not_there(tmp_path, empty_bus, service):
    process = await forked(tmp_path, service, empty_bus.url)
    await has_said(process, "nats.connecting")
    await asyncio.sleep(0.3)
    assert await stopped(process) == 0


@pytest.mark.parametrize("service", SERVICES)
async def test_while_nats_hangs(tmp_path, bus, service):
    bus.process.send(signal.SIGSTOP)
    try:
        process = await forked(tmp_path, service, bus.url)
        await has_said(process, "nats.connecting")
        await asyncio.sleep(0.3)
        assert await stopped(process) == 0
    finally:
        bus.process.send(signal.SIGCONT)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("after_s", [0.0, 0.1])
async def test_just_after_it_has_connected(tmp_path, bus, service, after_s):
    process = await forked(tmp_path, service, bus.url)
    await has_said(process, "nats.connecting")
    await asyncio.sleep(after_s)
    assert await stopped(process) == 0


HANGS = {
    "a start that swallows its cancellation": """
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass
        yield""",
    "a thread that does not end": "await asyncio.to_thread(time.sleep, 3600)\n        yield",
    "a loop that is blocked": "time.sleep(3600)\n        yield",
    "an end that does not come": """
        try:
            yield
        finally:
            await asyncio.to_thread(time.sleep, 3600)""",
}


@pytest.mark.parametrize("hang", HANGS)
async def test_whatever_hangs_the_bound_holds(tmp_path, bus, hang):
    code = f"""
import asyncio, os, signal, time
from contextlib import asynccontextmanager
from ferry.runtime.process import run
from ferry.runtime.settings import RuntimeSettings

@asynccontextmanager
async def lifespan(service):
    print("entered", flush=True)
    if True:
        {HANGS[hang]}

run("test", RuntimeSettings, lifespan)
"""
    process = await started(tmp_path, [sys.executable, "-c", code], bus.url, FERRY_SHUTDOWN_S="1")
    await has_said(process, "service.started" if hang == "an end that does not come" else "entered")
    begun = time.monotonic()
    process.send(signal.SIGTERM)
    assert await asyncio.wait_for(process.child.wait(), 1 + SLACK_S) == 1
    assert time.monotonic() - begun > 0.5
    assert "service.stop_timed_out" in process.text()
