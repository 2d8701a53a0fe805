"""FERRY_READINGS by our own pull loop on one core subscription: a quarter of fetch()'s processor time (facts).

Status messages, deadlines and reconnects are ours to handle, then.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from ferry.contract import topology
from ferry.contract.dead import PUBLISHED_AT
from ferry.telemetry.held import Held
from ferry.telemetry.partition import Partition

EXPIRES_S = 5.0
HEARTBEAT_S = 2.0
"""An idle pull is told so often what was last delivered: also a lost delivery that nothing follows is seen."""
LATE_S = 2.0
"""A pull that has not even expired by then is lost: the connection or the consumer went away."""
BATCH = 256
MAX_BYTES = topology.MAX_BODY + 128 * 1024
"""Of one pull: the largest message with its headers fits; what is asked for beside it is bounded."""
HARMLESS = ("No Messages", "MaxBytes")
"""A pull that ended because there was nothing more, or nothing more that it may carry."""
COMPLETED = "Batch Completed"
"""Said after a full batch of a pull with `max_bytes`. Its last message has ended the pull already."""
GONE = frozenset({"409", "503", "404"})

_log = structlog.get_logger(__name__)


class Pull:
    """One partition's request for messages: what of it is still to come."""

    def __init__(self) -> None:
        self.expected = 0
        self.over = asyncio.Event()
        self.suspect = False
        """The server said that the consumer may be gone."""


class ReadingsStream:
    def __init__(
        self, client: Client, accept: Callable[[Partition, Held], None], has_room: Callable[[], bool]
    ) -> None:
        self._client = client
        self._accept = accept
        self._has_room = has_room
        self._inbox = client.new_inbox()
        self._partitions: dict[str, tuple[Partition, Pull]] = {}

    async def start(self) -> None:
        await self._client.subscribe(
            f"{self._inbox}.*", cb=self._on_message, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def run(self, partition: Partition) -> None:
        """Pulls until the partition drains or is lost. Returns early when its consumer may be gone."""
        pull = Pull()
        key = str(partition.number)
        self._partitions[key] = (partition, pull)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{topology.READINGS.name}.{partition.consumer}"
        request = json.dumps(
            {
                "batch": BATCH,
                "max_bytes": MAX_BYTES,
                "expires": int(EXPIRES_S * 1e9),
                "idle_heartbeat": int(HEARTBEAT_S * 1e9),
            }
        ).encode()
        try:
            while partition.pulls and not pull.suspect:
                if not self._has_room():
                    await asyncio.sleep(0.02)
                    continue
                pull.over.clear()
                pull.expected = BATCH
                await self._client.publish(subject, request, reply=f"{self._inbox}.{key}")
                try:
                    async with asyncio.timeout(EXPIRES_S + LATE_S):
                        await pull.over.wait()
                except TimeoutError:
                    pull.suspect = True
        finally:
            if self._partitions.get(key) == (partition, pull):
                del self._partitions[key]

    async def _on_message(self, msg: Msg) -> None:
        subject = msg.subject
        if subject.startswith(self._inbox):
            self._on_status(subject.rpartition(".")[2], msg)
            return
        key, _, published = subject.partition(".")
        found = self._partitions.get(key)
        if found is None:
            return  # delivered after the partition was let go: its next owner gets it
        partition, pull = found
        pull.expected -= 1
        if pull.expected <= 0:
            pull.over.set()
        # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<sequence>.<delivery>.<ns>.<pending>[.<token>]
        tokens = msg.reply.split(".")
        at = 7 if len(tokens) > 9 else 5  # noqa: PLR2004 - the two lengths of an ack subject (ADR-15)
        if partition.takes(int(tokens[at + 1])):
            self._accept(partition, _held(msg, published, int(tokens[at]), int(tokens[at + 2])))
        elif partition.broken:
            pull.over.set()

    def _on_status(self, key: str, msg: Msg) -> None:
        found = self._partitions.get(key)
        if found is None or not msg.headers:
            return
        status = msg.headers.get("Status", "")
        partition, pull = found
        if status == "100":
            partition.heard_of(int(msg.headers.get("Nats-Last-Consumer", 0)))
            if partition.broken:
                pull.over.set()
            return
        description = msg.headers.get("Description", "")
        if description == COMPLETED:
            return  # the next pull may be on its way by now
        if status in GONE and not any(word in description for word in HARMLESS):
            pull.suspect = True
            _log.info("pull.ended", partition=key, status=status, description=description)
        pull.over.set()


def _held(msg: Msg, published: str, sequence: int, stored_ns: int) -> Held:
    headers = msg.headers
    stored_ms = published_ms = stored_ns // 1_000_000
    if headers and PUBLISHED_AT in headers:
        with contextlib.suppress(ValueError):
            published_ms = min(published_ms, max(0, int(headers[PUBLISHED_AT])))
    body = msg.data
    return Held(
        sequence=sequence,
        ack=msg.reply,
        subject=published,
        body=body,
        published_ms=published_ms,
        headers=headers,
        size=len(body) + len(published) + 400,
        replayed=published_ms < stored_ms,
    )
