"""The short way in and out of a connection, over a real server."""

import asyncio

import pytest
from nats.errors import OutboundBufferLimitError

from ferry.runtime.direct import DirectClient


async def test_messages_and_headers_arrive_and_many_commands_leave_at_once(bus):
    client = DirectClient()
    await client.connect(bus.url)
    heard = []
    await client.receive("direct.*", lambda *message: heard.append(message))
    await client.flush()
    await client.publish("direct.h", b"with", headers={"Name": "value"})
    client.send(b"PUB direct.a reply 1\r\n1\r\nPUB direct.b 1\r\n2\r\n")
    await client.flush()
    assert heard == [
        (b"direct.h", b"", b"with", {"Name": "value"}),
        (b"direct.a", b"reply", b"1", None),
        (b"direct.b", b"", b"2", None),
    ]
    await client.close()


async def test_what_is_sent_while_the_bus_is_away_is_bounded_and_leaves_later(bus):
    client = DirectClient()
    await client.connect(bus.url, pending_size=64, max_reconnect_attempts=-1, reconnect_time_wait=0)
    heard = []
    await client.receive("a", lambda *message: heard.append(message))
    await bus.process.kill()
    async with asyncio.timeout(10):
        while client.is_connected:
            await asyncio.sleep(0.01)
    client.send(b"PUB a 1\r\n1\r\n")
    with pytest.raises(OutboundBufferLimitError):
        client.send(b"PUB a 64\r\n" + b"x" * 64 + b"\r\n")
    await bus.restart()
    async with asyncio.timeout(10):
        while not heard:
            await asyncio.sleep(0.01)
    assert heard == [(b"a", b"", b"1", None)]
    await client.close()
