"""`make run` on a machine where others listen: no port twice, and nothing laid on somebody else's server."""

import asyncio
import contextlib
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import suite
from nats.aio.client import Client
from ports import RANGE, PortError, Ports

from harness.processes import free_port

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def listening():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_no_port_is_handed_out_twice(tmp_path):
    ports = Ports(tmp_path / "ports")
    given = [ports.free() for _ in range(50)]
    assert len(set(given)) == 50
    assert set(given) <= set(RANGE)


SUITE = """
import sys
from pathlib import Path
from ports import Ports
ports = Ports(Path(sys.argv[1]), range(15_000, 15_700))
print(*(ports.free() for _ in range(200)), flush=True)
sys.stdin.read()  # it keeps them while the others choose
"""


def test_no_port_is_handed_to_two_suites(tmp_path):
    """Of 700 ports each takes 200: without a word to each other they would meet dozens of times."""
    command = [sys.executable, "-c", SUITE, str(tmp_path / "ports")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        suites = [
            stack.enter_context(subprocess.Popen(command, cwd=ROOT / "scripts", **pipes)) for _ in range(2)
        ]
        given = []
        for one in suites:
            assert one.stdout
            given += one.stdout.readline().split()
        for one in suites:
            assert one.stdin
            one.stdin.close()
    assert len(set(given)) == len(given) == 400


def test_a_port_that_somebody_listens_on_is_not_handed_out(tmp_path):
    ports = Ports(tmp_path / "ports")
    with (
        listening() as taken,
        pytest.raises(PortError, match=f"NATS_PORT is {taken}, and something else listens"),
    ):
        ports.named("NATS_PORT", str(taken))
    mine = ports.free()
    with pytest.raises(PortError, match="another process of this suite has"):
        ports.named("SANDBOX_PORT", str(mine))


@pytest.mark.parametrize("value", ["abc", "0", "65536", "-1", "4222.0", "٤٢٢٢", " 4222", "9" * 30])
def test_what_is_no_port_is_said(tmp_path, value):
    with pytest.raises(PortError, match="a port is a number from 1 to 65535"):
        Ports(tmp_path / "ports").named("NATS_PORT", value)


async def run_suite(folder, **variables):
    env = {key: value for key, value in os.environ.items() if not key.startswith("FERRY_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "scripts/suite.py"),
        cwd=ROOT,
        env={**env, "RUN_DIR": str(folder), **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, said.decode()


async def test_with_the_port_of_anothers_nats_server_it_says_so_and_lays_nothing_there(
    bus, nats_client: Client, tmp_path
):
    before = {stream.config.name for stream in await nats_client.jetstream().streams_info()}
    port = bus.url.rpartition(":")[2]
    code, said = await run_suite(tmp_path / "run", NATS_PORT=port)
    assert code == 1
    assert f"NATS_PORT is {port}, and something else listens there" in said
    assert {stream.config.name for stream in await nats_client.jetstream().streams_info()} == before


async def test_the_server_that_answers_must_be_the_one_that_was_started(bus):
    """Somebody else may have been faster on the port after it was looked at."""
    port = int(bus.url.rpartition(":")[2])
    with subprocess.Popen(["sleep", "30"]) as ours:
        with pytest.raises(SystemExit, match="belongs to another NATS server"):
            suite.wait_for(ours, port, "ferry-suite-of-this-test")
        ours.kill()
    assert suite.name_of_server(free_port()) is None


async def test_a_second_suite_in_the_same_folder_is_refused(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = await run_suite(folder)
    assert code == 1
    assert "another one runs in" in said
