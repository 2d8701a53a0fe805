"""Messages of FERRY_READINGS read again: a batched direct get, and the leader's word on what is gone (ADR-31)."""

import asyncio
import json
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from ferry.contract import topology
from ferry.telemetry.stream.delivery import Delivery
from ferry.telemetry.stream.nats.pulls import delivery_of
from ferry.telemetry.stream.ports import StreamUnavailable

STREAM = topology.READINGS.name
DIRECT = f"$JS.API.DIRECT.GET.{STREAM}"
MAX_BYTES = topology.MAX_BODY + 128 * 1024
ANSWER_S = 5.0


class NatsStoredMessages:
    def __init__(self, client: Client, jetstream: JetStreamContext) -> None:
        self._client = client
        self._jetstream = jetstream
        self._inbox = client.new_inbox()
        self._batches: dict[str, tuple[list[Delivery], asyncio.Future[None]]] = {}
        self._number = 0

    async def start(self) -> None:
        await self._client.subscribe(f"{self._inbox}.*", cb=self._on_message)

    async def read(self, partition: int, subject: str, first: int, most: int) -> list[Delivery]:
        self._number += 1
        key = str(self._number)
        stored = topology.stored_subject(partition, subject)
        request = {"seq": first, "next_by_subj": stored, "batch": most, "max_bytes": MAX_BYTES}
        found: list[Delivery] = []
        over = asyncio.get_running_loop().create_future()
        self._batches[key] = (found, over)
        try:
            await self._client.publish(DIRECT, json.dumps(request).encode(), reply=f"{self._inbox}.{key}")
            async with asyncio.timeout(ANSWER_S):
                await over
        except (Error, TimeoutError) as error:
            raise StreamUnavailable(str(error) or type(error).__name__) from None
        finally:
            del self._batches[key]
        return found

    async def _on_message(self, msg: Msg) -> None:
        batch = self._batches.get(msg.subject.rpartition(".")[2])
        if batch is None or not msg.headers:
            return
        found, over = batch
        if "Status" not in msg.headers:
            found.append(_delivery(msg.data, msg.headers))
        elif not over.done():
            # 204 ends a batch, 404 says that there is none; a follower that is behind says either too early
            status = msg.headers["Status"]
            if status in ("204", "404"):
                over.set_result(None)
            else:
                over.set_exception(Error(f"{status} {msg.headers.get('Description', '')}"))

    async def next_sequence(self, partition: int, subject: str, first: int) -> int | None:
        message = await self._leader(
            seq=first, subject=topology.stored_subject(partition, subject), after=True
        )
        return message.seq if message else None

    async def read_one(self, sequence: int) -> Delivery | None:
        message = await self._leader(seq=sequence)
        if message is None:
            return None
        stored_ns = int(message.time.timestamp() * 1e9) if message.time else 0
        published = topology.strip_partition(message.subject or "")
        return delivery_of(message.data or b"", published, message.headers, sequence, stored_ns)

    async def _leader(
        self, *, seq: int, subject: str | None = None, after: bool = False
    ) -> RawStreamMsg | None:
        try:
            return await self._jetstream.get_msg(STREAM, seq=seq, subject=subject, next=after)
        except NotFoundError:
            return None
        except (APIError, Error, TimeoutError) as error:
            raise StreamUnavailable(str(error) or type(error).__name__) from None


def _delivery(body: bytes, headers: dict[str, str]) -> Delivery:
    stored_ns = int(datetime.fromisoformat(headers["Nats-Time-Stamp"]).timestamp() * 1e9)
    published = topology.strip_partition(headers["Nats-Subject"])
    return delivery_of(body, published, headers, int(headers["Nats-Sequence"]), stored_ns)
