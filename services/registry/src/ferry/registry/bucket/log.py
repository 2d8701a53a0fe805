"""`ferry-registry` as a log: reads what was written since the last time, by batched direct gets (NATS ADR-31)."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import APIError

from ferry.registry.bucket.lists import Head, Written
from ferry.registry.bucket.records import ANSWER_S, PREFIX, STREAM

BATCH = 500
"""Messages; a `get` that is asked for meanwhile waits behind at most so many."""
DELETED = {"DEL", "PURGE"}


class BucketLog:
    """Every method raises TimeoutError or nats-py's errors."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def head(self) -> Head:
        answer = await self._client.request(f"$JS.API.STREAM.INFO.{STREAM}", b"", timeout=ANSWER_S)
        said = json.loads(answer.data)
        if "error" in said:
            raise APIError.from_error(said["error"])
        state = said["state"]
        return Head(said["created"], state["last_seq"], state["messages"], _unix_s(said["ts"]))

    async def since(self, sequence: int) -> list[Written]:
        # Any filter but this one makes the server count through the whole bucket with each batch.
        asked = {"seq": sequence, "next_by_subj": ">", "batch": BATCH}
        batch = _Batch()
        inbox = self._client.new_inbox()
        answers = await self._client.subscribe(inbox, cb=batch.take)
        try:
            await self._client.publish(
                f"$JS.API.DIRECT.GET.{STREAM}", json.dumps(asked).encode(), reply=inbox
            )
            async with asyncio.timeout(ANSWER_S):
                await batch.ended
        finally:
            await answers.unsubscribe()
        return batch.written


class _Batch:
    def __init__(self) -> None:
        self.written: list[Written] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def take(self, message: Msg) -> None:
        try:
            if not self.ended.done():
                self._take(message)
        except Exception as error:  # noqa: BLE001 - the caller that awaits the batch raises it
            self.ended.set_exception(error)

    def _take(self, message: Msg) -> None:
        """204 ends a batch, 404 is one without a message."""
        headers = message.headers or {}
        status = headers.get("Status")
        stored = "Nats-Sequence" in headers  # whatever headers it was stored with
        if not stored and status in {"204", "404"}:
            self.ended.set_result(None)
        elif not stored:
            raise APIError(code=int(status or 0), description=headers.get("Description"))
        elif self.written and int(headers["Nats-Last-Sequence"]) != self.written[-1].sequence:
            raise TimeoutError  # one of the batch was lost on the way: nothing is left out in silence
        else:
            key = headers["Nats-Subject"].removeprefix(PREFIX)
            body = None if headers.get("KV-Operation") in DELETED else message.data
            self.written.append(Written(int(headers["Nats-Sequence"]), key, body, _expires_at(headers)))


def _expires_at(headers: Mapping[str, str]) -> float | None:
    lives = re.fullmatch(r"(\d{1,9})s", headers.get("Nats-TTL", ""))
    return _unix_s(headers["Nats-Time-Stamp"]) + int(lives[1]) if lives else None


def _unix_s(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
