"""Messages of FERRY_READINGS read again: a batched direct get, and the leader's word on what is gone (ADR-31).

A publisher's own headers are among those of the answers, before the server's: of two with one name the last counts.
"""

import asyncio
import base64
import json
from datetime import datetime
from typing import Any

from nats.errors import Error

from ferry.bus.parser import headers_of
from ferry.contract import topology
from ferry.runtime.direct import DirectClient
from ferry.telemetry.stream.delivery import Delivery
from ferry.telemetry.stream.nats.pulls import delivery_of
from ferry.telemetry.stream.ports import StreamUnavailable

DIRECT = f"$JS.API.DIRECT.GET.{topology.READINGS.name}"
LEADER = f"$JS.API.STREAM.MSG.GET.{topology.READINGS.name}"
MAX_BYTES = topology.MAX_BODY + 128 * 1024
ANSWER_S = 5.0
NO_MESSAGE = 10037
"""JetStream's code for a message that is not there."""


class NatsStoredMessages:
    def __init__(self, client: DirectClient) -> None:
        self._client = client
        self._inbox = client.new_inbox()
        self._batches: dict[bytes, tuple[list[Delivery], asyncio.Future[None]]] = {}
        self._number = 0

    async def start(self) -> None:
        await self._client.receive(f"{self._inbox}.*", self._receive)

    async def read(self, partition: int, subject: str, first: int, most: int) -> list[Delivery]:
        self._number += 1
        reply = f"{self._inbox}.{self._number}"
        stored = topology.stored_subject(partition, subject)
        request = {"seq": first, "next_by_subj": stored, "batch": most, "max_bytes": MAX_BYTES}
        found: list[Delivery] = []
        over = asyncio.get_running_loop().create_future()
        self._batches[reply.encode()] = (found, over)
        try:
            await self._client.publish(DIRECT, json.dumps(request).encode(), reply=reply)
            async with asyncio.timeout(ANSWER_S):
                await over
        except (Error, TimeoutError) as error:
            raise StreamUnavailable(str(error) or type(error).__name__) from None
        finally:
            del self._batches[reply.encode()]
        return found

    def _receive(self, subject: bytes, _: bytes, body: bytes, headers: dict[str, str] | None) -> None:
        batch = self._batches.get(subject)
        if batch is None or not headers:
            return
        found, over = batch
        if "Nats-Subject" in headers:  # a message, also one whose publisher gave it a status
            found.append(_delivery(body, headers))
        elif not over.done():
            # 204 ends a batch, 404 says that there is none; a follower that is behind says either too early
            status = headers.get("Status", "")
            if status in ("204", "404"):
                over.set_result(None)
            else:
                over.set_exception(Error(f"{status} {headers.get('Description', '')}"))

    async def next_sequence(self, partition: int, subject: str, first: int) -> int | None:
        stored = topology.stored_subject(partition, subject)
        message = await self._leader({"seq": first, "next_by_subj": stored})
        return int(message["seq"]) if message else None

    async def read_one(self, sequence: int) -> Delivery | None:
        message = await self._leader({"seq": sequence})
        if message is None:
            return None
        headers = headers_of(base64.b64decode(message["hdrs"])) if message.get("hdrs") else None
        body = base64.b64decode(message.get("data") or "")
        published = topology.strip_partition(message["subject"])
        return delivery_of(body, published, headers, sequence, _ns(message["time"]))

    async def _leader(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The message; None where there is none. Raises StreamUnavailable."""
        try:
            answer = await self._client.request(LEADER, json.dumps(request).encode(), timeout=ANSWER_S)
            said: dict[str, Any] = json.loads(answer.data)
        except (Error, TimeoutError, ValueError) as error:
            raise StreamUnavailable(str(error) or type(error).__name__) from None
        if refused := said.get("error"):
            if refused.get("err_code") == NO_MESSAGE:
                return None
            raise StreamUnavailable(str(refused.get("description")))
        message: dict[str, Any] = said["message"]
        return message


def _delivery(body: bytes, headers: dict[str, str]) -> Delivery:
    published = topology.strip_partition(headers["Nats-Subject"])
    stored_ns = _ns(headers["Nats-Time-Stamp"])
    return delivery_of(body, published, headers, int(headers["Nats-Sequence"]), stored_ns)


def _ns(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1e9)
