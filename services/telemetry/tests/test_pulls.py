"""The pull loop, over a bus in memory: one pull at a time, whatever its end is called."""

import asyncio
import json
from typing import Any, cast

import pytest

from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.nats.pulls import BATCH, NatsPulls
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.puller import Puller


class Bus:
    """Counts what was pulled and delivers on demand, as a server does."""

    def __init__(self):
        self.pulled = 0
        self.delivered = 0
        self._inbox = ""

    def new_inbox(self):
        return "_INBOX.replica"

    async def receive(self, subject, receive):
        self._receive = receive

    async def publish(self, subject, request, reply):
        assert json.loads(request)["batch"] == BATCH
        self.pulled += 1
        self._inbox = reply

    def deliver(self, number):
        for _ in range(number):
            self.delivered += 1
            ack = f"$JS.ACK.FERRY_READINGS.consumer.1.{self.delivered}.{self.delivered}.1700000000000000000.0"
            subject = "0.ferry.v1.gateways.g.sensors.s.series"
            self._receive(subject.encode(), ack.encode(), b'{"value":"1"}', None)

    def say(self, status, description):
        headers = {"Status": status, "Description": description}
        self._receive(self._inbox.encode(), b"", b"", headers)


@pytest.fixture
async def bus():
    return Bus()


@pytest.fixture
async def pulling(bus):
    pulls = NatsPulls(cast("Any", bus))
    await pulls.start()
    nobody: Any = None
    in_flight = InFlight(nobody, nobody, 10_000, 10_000_000, lambda: 0)
    puller = Puller(pulls, in_flight, lambda: True, lambda partition, delivery: None)
    task = asyncio.create_task(puller.run(Partition(0, "consumer", lambda: True)))
    await turns()
    yield task
    task.cancel()


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_full_batch_is_followed_by_the_next_pull_at_once(bus, pulling):
    bus.deliver(BATCH)
    bus.say("409", "Batch Completed")
    await turns()
    assert (bus.pulled, pulling.done()) == (2, False)


async def test_the_late_end_of_a_batch_does_not_end_the_pull_after_it(bus, pulling):
    for batch in range(1, 4):
        bus.deliver(BATCH)
        await turns()
        bus.say("409", "Batch Completed")
        await turns()
        assert (bus.pulled, pulling.done()) == (1 + batch, False)


@pytest.mark.parametrize(
    ("status", "description"),
    [
        ("408", "Request Timeout"),
        ("404", "No Messages"),
        ("409", "Message Size Exceeds MaxBytes"),
    ],
)
async def test_a_pull_that_ends_early_is_followed_by_the_next_one(bus, pulling, status, description):
    bus.deliver(3)
    bus.say(status, description)
    await turns()
    assert (bus.pulled, pulling.done()) == (2, False)


@pytest.mark.parametrize(
    ("status", "description"),
    [("409", "Consumer Deleted"), ("409", "Leadership Change"), ("503", "No Responders")],
)
async def test_a_consumer_that_may_be_gone_ends_the_pulling(bus, pulling, status, description):
    bus.say(status, description)
    await turns()
    assert pulling.done()
