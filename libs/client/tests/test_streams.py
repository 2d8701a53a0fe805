"""One contract for the stream of a publisher: the fake in memory, and nats-server with production's permissions."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from fake_stream import FakeStream
from pydantic import SecretStr

from ferry.client import (
    FerryError,
    NatsSettings,
    NotConfirmedError,
    NotConnectedError,
    NotPermittedError,
    NotStoredError,
    RefusedError,
)
from ferry.client.publishing.nats_stream import NatsStream
from ferry.client.publishing.ports import NO_HEADERS, Stream
from ferry.contract import topology
from ferry.contract.subjects import sensor_series
from harness.bus import bus as a_bus

MINE, MINE_TOO = sensor_series("gateway-0", "s1"), sensor_series("gateway-0", "s2")
OTHERS = sensor_series("alice-gateway", "s1")


@dataclass
class Rig:
    """A stream, and the faults that a test gives it."""

    stream: Stream
    stored: Any
    stop: Any
    start: Any
    room: int
    closing: list[Any] = field(default_factory=list)


@contextlib.asynccontextmanager
async def fake():
    stream = FakeStream(max_bytes=topology.MAX_BODY, denied={OTHERS})

    async def go_away():
        stream.go_away()

    async def come_back():
        stream.come_back()

    async def stored():
        return [(subject, body) for subject, body, _ in stream.stored]

    await stream.start(fail_fast=True)
    yield Rig(stream, stored, go_away, come_back, topology.MAX_BODY)
    await stream.close()


def plant(bus, **changes):
    seed = (bus.folder / "secrets" / "plant" / "FERRY_NATS__NKEY_SEED").read_text()
    settings = NatsSettings(url=bus.url, nkey_seed=SecretStr(seed), inbox_prefix="_INBOX_plant")
    return settings.model_copy(update=changes)


@contextlib.asynccontextmanager
async def real(folder):
    async with a_bus(folder / "bus") as bus:
        await bus.lay(readings_max_bytes=topology.MAX_BODY)
        stream = NatsStream(plant(bus), ack_s=1)

        async def stored():
            client = await bus.connect()
            try:
                jetstream = client.jetstream()
                count = (await jetstream.stream_info(topology.READINGS.name)).state.last_seq
                found = [
                    await jetstream.get_msg(topology.READINGS.name, number) for number in range(1, count + 1)
                ]
            finally:
                await client.close()
            return [(topology.strip_partition(str(one.subject)), one.data) for one in found]

        async def kill():
            await bus.process.kill()

        await stream.start(fail_fast=True)
        yield Rig(stream, stored, kill, bus.restart, topology.MAX_BODY)
        await stream.close()


@pytest.fixture(params=["fake", "nats-server"])
async def rig(request, tmp_path):
    async with fake() if request.param == "fake" else real(tmp_path) as made:
        yield made


async def published(stream, subject, body, headers=NO_HEADERS):
    done = asyncio.get_running_loop().create_future()
    await stream.publish(subject, body, headers, done.set_result)
    result = await done
    if isinstance(result, FerryError):
        raise result
    return result


async def test_a_publish_is_answered_with_its_place_in_the_stream(rig):
    first = await published(rig.stream, MINE, b"1")
    second = await published(rig.stream, MINE_TOO, b"2")
    assert first < second
    assert await rig.stored() == [(MINE, b"1"), (MINE_TOO, b"2")]


async def test_many_at_once_are_stored_in_the_order_of_the_calls(rig):
    numbers = await asyncio.gather(*(published(rig.stream, MINE, b"%d" % n) for n in range(200)))
    assert list(numbers) == sorted(numbers)
    assert await rig.stored() == [(MINE, b"%d" % n) for n in range(200)]


async def test_what_is_not_permitted_is_said_at_once(rig):
    async with asyncio.timeout(0.9):  # well before the acknowledgement's time-out
        with pytest.raises(NotPermittedError) as error:
            await published(rig.stream, OTHERS, b"1")
    assert not error.value.maybe_stored
    assert await published(rig.stream, MINE, b"1")


async def test_a_full_stream_refuses_for_now(rig):
    piece = b"x" * 100_000
    for _ in range(rig.room // len(piece) - 1):
        await published(rig.stream, MINE, piece)
    with pytest.raises(NotStoredError) as error:
        await asyncio.gather(*(published(rig.stream, MINE, piece) for _ in range(3)))
    assert error.value.transient
    assert not error.value.maybe_stored


@pytest.mark.parametrize(
    "size", [topology.MAX_BODY + 1, 1_100_000], ids=["the stream's size", "the server's size"]
)
async def test_what_is_too_large_is_refused_for_ever(rig, size):
    with pytest.raises(RefusedError) as error:
        await published(rig.stream, MINE, b"x" * size)
    assert not error.value.transient
    assert await published(rig.stream, MINE, b"1")


async def test_a_bus_that_is_away_is_an_error_at_once_and_comes_back(rig):
    await published(rig.stream, MINE, b"1")
    await rig.stop()
    with pytest.raises((NotConnectedError, NotConfirmedError)):
        await published(rig.stream, MINE, b"2")
    for _ in range(100):
        if not rig.stream.is_connected:
            break
        await asyncio.sleep(0.02)
    assert isinstance(rig.stream.trouble, NotConnectedError)
    with pytest.raises(NotConnectedError) as error:
        await published(rig.stream, MINE, b"3")
    assert not error.value.maybe_stored
    await rig.start()
    async with asyncio.timeout(10):
        await rig.stream.connected()
        while not await taken(rig.stream, b"4"):  # JetStream is there a moment after its server
            await asyncio.sleep(0.05)
    assert rig.stream.is_connected
    assert [body for _, body in await rig.stored()][-1] == b"4"


async def taken(stream, body):
    try:
        await published(stream, MINE, body)
    except FerryError as error:
        if not error.transient:
            raise
        return False
    return True


async def test_headers_go_along(rig):
    assert await published(rig.stream, MINE, b"1", {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"})
