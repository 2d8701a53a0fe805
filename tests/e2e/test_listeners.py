"""Production's three servers over TLS, and the ways in for who speaks no NATS: MQTT, and NATS over WebSocket."""

import asyncio
import json

import nats
import nats.errors
import pytest
from nats.js.errors import APIError

from ferry.contract import topology
from harness.bus import bus as a_bus
from harness.bus import cluster
from harness.mqtt import sensor as mqtt_sensor
from harness.nats_config import PUBLISHERS
from harness.processes import eventually
from harness.services import Suite, lay_fleet

# nats-py 2.16.0 gives aiohttp the time-out in a form that aiohttp would rather not have
pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")

LISTENERS = 'include "mqtt.conf"\ninclude "websocket.conf"\n'
MINE, OTHERS = (f"ferry.v1.gateways.{PUBLISHERS[name][0]}.sensors.s1.series" for name in ("alice", "bob"))
BODY = b'{"value":"1","time":1495715734508}'


@pytest.fixture
async def bus(tmp_path):
    async with a_bus(tmp_path / "bus", config=LISTENERS, tls=True) as running:
        await running.lay(readings_max_bytes=topology.MAX_BODY)
        yield running


@pytest.fixture
async def sensor(bus):
    async with mqtt_sensor(await bus.listener("MQTT"), bus.folder / "secrets" / "alice", bus.ca) as connected:
        yield connected


@pytest.fixture
async def browser(bus):
    client = await over_websocket(bus, "alice")
    yield client
    await client.close()


async def over_websocket(bus, name):
    return await bus.as_publisher(name, servers=[await bus.listener("websocket")])


def topic(subject):
    return subject.replace(".", "/")


async def stored(client):
    return (await client.jetstream().stream_info(topology.READINGS.name)).state.messages


async def test_a_reading_by_each_way_in_through_three_servers_over_tls(tmp_path, sandbox):
    async with cluster(tmp_path / "bus", tls=tuple(LISTENERS.splitlines())) as bus:
        await bus.lay()
        suite = Suite(bus, sandbox, tmp_path / "services")
        try:
            await asyncio.gather(lay_fleet(bus, sandbox, 1, 3), suite.start("auth"), suite.start("telemetry"))
            first = bus.nodes[0]
            mqtt, secrets = await first.listener("MQTT"), bus.nodes[0].folder / "secrets" / "plant"
            subjects = [f"ferry.v1.gateways.gateway-0.sensors.gateway-0-sensor-{n}.series" for n in range(3)]
            plain, browser = await bus.as_publisher("plant"), await over_websocket(first, "plant")
            await plain.jetstream().publish(subjects[0], BODY)
            await browser.jetstream().publish(subjects[1], BODY)
            async with mqtt_sensor(mqtt, secrets, first.ca) as sensor:
                await sensor.publish(topic(subjects[2]), BODY)

            async def arrived():
                return [
                    len(await sandbox.series("gateway-0", f"gateway-0-sensor-{n}")) for n in range(3)
                ] == [1] * 3

            await eventually(arrived, what="a reading by each way")
            await plain.close()
            await browser.close()
        finally:
            await suite.stop()
        watcher = await bus.connect()
        info = await watcher.jetstream().stream_info(topology.READINGS.name)
        await watcher.close()
        assert info.config.num_replicas == 3
        assert bus.denials() == []


async def test_a_client_that_does_not_know_the_authority_stays_out(bus):
    with pytest.raises((nats.errors.Error, OSError)):
        await nats.connect(bus.url, allow_reconnect=False, connect_timeout=2)


async def test_publish_for_anothers_gateway_by_mqtt(bus, sensor, nats_client):
    """The sensor is not told: its PUBACK comes, and nothing was taken."""
    await sensor.publish(topic(OTHERS), BODY)
    await sensor.publish(topic(MINE), BODY)
    assert [OTHERS in line for line in bus.denials()] == [True]
    assert await stored(nats_client) == 1


@pytest.mark.parametrize("topics", ["#", "ferry/#", "$MQTT/#", "_INBOX_bob/#"])
async def test_read_anything_by_mqtt(sensor, topics):
    assert await sensor.subscribe(topics) == 128


async def test_a_puback_says_nothing_of_the_stream(bus, sensor, browser, nats_client):
    """A full stream refuses; who speaks NATS is told, who speaks MQTT is not."""
    jetstream = browser.jetstream()
    for _ in range(topology.MAX_BODY // 100_000):
        await jetstream.publish(MINE, b"x" * 100_000)
    with pytest.raises(APIError):
        await jetstream.publish(MINE, b"x" * 100_000)
    full = await stored(nats_client)
    await sensor.publish(topic(MINE), b"x" * 100_000)
    assert await stored(nats_client) == full


async def test_mqtt_credentials_open_no_other_door(bus):
    secrets = bus.folder / "secrets" / "alice"
    user, password = (secrets / "MQTT_USER").read_text(), (secrets / "MQTT_PASSWORD").read_text()
    with pytest.raises(nats.errors.Error):
        await bus.as_user(user, password=password, allow_reconnect=False)


async def test_publish_for_anothers_gateway_by_websocket(bus, browser, nats_client):
    ack = await browser.jetstream().publish(MINE, json.dumps({"value": "1"}).encode())
    assert ack.stream == topology.READINGS.name
    with pytest.raises(nats.errors.TimeoutError):
        await browser.jetstream(timeout=0.5).publish(OTHERS, BODY)
    assert [OTHERS in line for line in bus.denials()] == [True]
    assert await stored(nats_client) == 1
