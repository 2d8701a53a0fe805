"""docs/operate/index.md: every command of its `sh` blocks is run as it stands, under production's permissions."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import nats.errors
import nats.js.errors
import pytest
from nats.aio.client import Client

from ferry.contract import subjects
from ferry.contract.subjects import sensor_series
from harness.bus import bus as a_bus
from harness.nats_config import password
from harness.processes import eventually, free_port
from harness.services import lay_fleet

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/operate/index.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
QUICK = {
    "FERRY_TELEMETRY__UNKNOWN_GRACE_S": "0.2",
    "FERRY_TELEMETRY__EARLIEST_TIME_MS": "0",
    "FERRY_TELEMETRY__IMPLY_STATUS": "false",
}
SERVICES = ("auth", "registry", "telemetry", "otosense")
CAROLS = sensor_series("plant-7", "s1")


@pytest.fixture
def monitor_port():
    return free_port()


@pytest.fixture
async def bus(tmp_path, monitor_port):
    async with a_bus(tmp_path / "bus", config=f'http: "127.0.0.1:{monitor_port}"\n') as running:
        await running.lay()
        yield running


async def two_dead_letters(suite, nats_client, publisher):
    """One of a sensor that is registered only now, one that no cloud can take; the first one's id."""
    await publisher.jetstream().publish(sensor_series("gateway-0", "gateway-0-sensor-0"), b'{"value":"1"}')
    await publisher.jetstream().publish(sensor_series("elsewhere", "s1"), b"{")

    async def dead_lettered():
        return (await nats_client.jetstream().stream_info("FERRY_DEAD")).state.messages == 2

    await eventually(dead_lettered, what="two dead letters")
    await lay_fleet(suite.bus, suite.sandbox, 1, 1)
    found = await nats_client.jetstream().get_last_msg(
        "FERRY_DEAD", f"{subjects.PREFIX}.dead.unknown_sensor.>"
    )
    return str(found.seq)


async def run(block, env):
    child = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", block),
        cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await asyncio.wait_for(child.communicate(), 60))[0].decode()
    assert child.returncode == 0, f"{block}\n{said}"
    return said


def seed_of_carol(bus):
    return (bus.folder / "carol" / "FERRY_NATS__NKEY_SEED").read_text()


async def carol(bus, seed):
    """Whether the server takes this key of carol's, and a reading of hers."""
    client = Client()
    try:
        await client.connect(bus.url, nkeys_seed_str=seed, inbox_prefix="_INBOX_carol", allow_reconnect=False)
        await client.jetstream(timeout=1).publish(CAROLS, b'{"value":"1"}')
    except (nats.errors.Error, nats.js.errors.Error):
        return False
    else:
        return True
    finally:
        await client.close()


async def test_every_command_does_what_the_page_says(
    suite, bus, nats_client, publisher, tmp_path, monitor_port
):
    await asyncio.gather(
        *(suite.start(one, QUICK if one == "telemetry" else None) for one in SERVICES),
    )
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("FERRY_")},
        **bus.env("operator"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NATS_MONITOR": f"http://127.0.0.1:{monitor_port}",
        "NATS_CONF": str(bus.folder / "conf"),
        "NATS_PID": str(bus.process.child.pid),
        "SECRETS": str(bus.folder),
        "TOPOLOGY_PASSWORD": password("topology"),
        "LETTER": await two_dead_letters(suite, nats_client, publisher),
    }
    look, fill, dead, streams, add, anew, backup = BLOCKS
    looked, filled, *_ = await asyncio.gather(*(run(block, env) for block in (look, fill, backup, add)))
    assert "unknown_sensor" in looked
    assert re.search(r"FERRY_READINGS \d+ of 2147483648", filled)
    assert "id: gateway-0" in (bus.folder / "fleet.yaml").read_text()
    await run(dead, env)
    assert (await nats_client.jetstream().stream_info("FERRY_DEAD")).state.messages == 0
    old = seed_of_carol(bus)
    await eventually(lambda: carol(bus, old), what="a reading of carol's")
    said, _ = await asyncio.gather(run(streams, env), run(anew, env))
    assert "restart every replica of telemetry" in said
    new = seed_of_carol(bus)
    await eventually(lambda: carol(bus, new), what="a reading by carol's new key")
    assert not await carol(bus, old)


async def test_a_cold_copy_of_the_store_brings_the_dead_letters_back(bus, nats_client, tmp_path):
    await nats_client.jetstream().publish(subjects.dead("refused", "g", "s"), b"1")
    store = bus.folder / "jetstream"
    await bus.process.stop()
    shutil.copytree(store, tmp_path / "copy")
    shutil.rmtree(store)
    shutil.copytree(tmp_path / "copy", store)
    await bus.restart()
    client = await bus.connect()
    assert (await client.jetstream(timeout=10).stream_info("FERRY_DEAD")).state.messages == 1
    await client.close()
