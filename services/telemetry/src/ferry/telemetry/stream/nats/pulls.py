"""FERRY_READINGS by our own pulls on one core subscription: a quarter of fetch()'s processor time (facts).

Status messages, deadlines and reconnects are ours to handle, then.
"""

import asyncio
import json
from dataclasses import dataclass, field

import structlog

from ferry.contract import topology
from ferry.runtime.direct import DirectClient
from ferry.telemetry.stream.delivery import Delivery, published_ms_of
from ferry.telemetry.stream.ports import PullEnd, Receiver

EXPIRES_S = 5.0
HEARTBEAT_S = 2.0
"""Interval in which an idle pull learns what was last delivered, so that even a lost last delivery is detected."""
LATE_S = 2.0
"""A pull that has not even expired by then is lost: the connection or the consumer went away."""
BATCH = 256
MAX_BYTES = topology.MAX_BODY + 128 * 1024
"""Of one pull: the largest message with its headers fits, and the total is bounded."""
REQUEST = json.dumps(
    {
        "batch": BATCH,
        "max_bytes": MAX_BYTES,
        "expires": int(EXPIRES_S * 1e9),
        "idle_heartbeat": int(HEARTBEAT_S * 1e9),
    }
).encode()
HARMLESS = ("No Messages", "MaxBytes")
"""A pull that ended because there was nothing more, or nothing more that it may carry."""
COMPLETED = "Batch Completed"
"""Said after a full batch of a pull with `max_bytes`. Its last message has ended the pull already."""
GONE = frozenset({"409", "503", "404"})
OUTSIDE_KEY = str(topology.OUTSIDE)

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Pull:
    """One request for messages: what of it is still to come."""

    receiver: Receiver
    expected: int = BATCH
    over: asyncio.Event = field(default_factory=asyncio.Event)
    end: PullEnd = PullEnd.OVER


class NatsPulls:
    def __init__(self, client: DirectClient) -> None:
        self._client = client
        self._inbox = client.new_inbox()
        self._inbox_key = self._inbox.partition(".")[0]
        self._pulls: dict[str, _Pull] = {}
        self._long = False
        self.ack_prefix = f"$JS.ACK.{topology.READINGS.name}"
        """Of every ack's subject, before the consumer's name."""

    async def start(self) -> None:
        await self._client.receive(f"{self._inbox}.*", self._receive)

    async def pull(self, partition: int, consumer: str, receiver: Receiver) -> PullEnd:
        key = str(partition)
        pull = self._pulls[key] = _Pull(receiver)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{topology.READINGS.name}.{consumer}"
        try:
            await self._client.publish(subject, REQUEST, reply=f"{self._inbox}.{key}")
            async with asyncio.timeout(EXPIRES_S + LATE_S):
                await pull.over.wait()
        except TimeoutError:
            return PullEnd.SUSPECT
        return pull.end  # it stays known: what arrives late is for its receiver to count

    def _receive(self, subject: bytes, reply: bytes, body: bytes, headers: dict[str, str] | None) -> None:
        key, _, published = subject.decode(errors="surrogateescape").partition(".")
        pull = self._pulls.get(key)
        if pull is None:
            if key == self._inbox_key:
                self._on_status(published.rpartition(".")[2], headers or {})
                return
            if key.isdigit():
                return  # delivered after the partition was let go: its next owner gets it
            published = f"{key}.{published}"  # the stream's transform put it into no partition
            if (pull := self._pulls.get(OUTSIDE_KEY)) is None:
                return
        pull.expected -= 1
        # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<sequence>.<delivery>.<ns>.<pending>[.<token>]
        tokens = reply.split(b".")
        long = len(tokens) > 9  # noqa: PLR2004 - the two lengths of an ack subject (ADR-15)
        at = 7 if long else 5
        if long is not self._long:
            self._long = long
            self.ack_prefix = b".".join(tokens[: at - 2]).decode()
        delivery = delivery_of(body, published, headers, int(tokens[at]), int(tokens[at + 2]))
        if not pull.receiver.receive(delivery, int(tokens[at + 1])) or pull.expected <= 0:
            pull.over.set()

    def _on_status(self, key: str, headers: dict[str, str]) -> None:
        pull = self._pulls.get(key)
        if pull is None or not headers:
            return
        status = headers.get("Status", "")
        if status == "100":
            if not pull.receiver.idle(int(headers.get("Nats-Last-Consumer", 0))):
                pull.over.set()
            return
        description = headers.get("Description", "")
        if description == COMPLETED:
            return  # the next pull may be on its way by now
        if status in GONE and not any(word in description for word in HARMLESS):
            pull.end = PullEnd.SUSPECT
            _log.info("pull.ended", partition=key, status=status, description=description)
        pull.over.set()


def delivery_of(
    body: bytes, published: str, headers: dict[str, str] | None, sequence: int, stored_ns: int
) -> Delivery:
    stored_ms = stored_ns // 1_000_000
    published_ms = published_ms_of(headers, stored_ms)
    return Delivery(
        sequence=sequence,
        subject=published,
        body=body,
        published_ms=published_ms,
        headers=headers,
        replayed=published_ms < stored_ms,
    )
