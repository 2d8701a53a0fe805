"""PUTs that an operator watches, on core NATS. While nobody watches, a PUT costs one look at an empty dict."""

import asyncio
import time

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from ferry.contract import subjects
from ferry.contract.watching import MAX_PUT_BODY, WATCH_S, WatchedPut, WatchRequest
from ferry.telemetry.delivery.ports import Answer, Cloud, Unreachable

MOST = 64
"""Gateways and sensors that are watched at a time; more requests are ignored until one ends."""
QUEUED = 256
_log = structlog.get_logger(__name__)


class Watchers:
    """Who watches what, and a bounded queue of what they are to see: reporting delays no PUT and fails none."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._watched: dict[WatchRequest, asyncio.TimerHandle] = {}
        self._queue: asyncio.Queue[WatchedPut] = asyncio.Queue(QUEUED)
        self._skipped = 0

    @property
    def any(self) -> bool:
        return bool(self._watched)

    async def listen(self) -> None:
        await self._client.subscribe(subjects.TELEMETRY_WATCH, cb=self._hear)

    async def report(self) -> None:
        while True:
            put = await self._queue.get()
            subject = subjects.watched_puts(put.gateway, put.sensor or subjects.NO_SENSOR)
            try:
                await self._client.publish(subject, put.model_dump_json(exclude_none=True).encode())
            except nats.errors.Error as error:
                _log.warning("watched.not_reported", error=type(error).__name__)

    def put(self, path: str, body: bytes, begun: float, answer: Answer | Unreachable) -> None:
        """`begun` by the performance counter."""
        address = path.split("/")[2:]
        gateway, sensor = address[0], address[2] if len(address) > 2 else None  # noqa: PLR2004 - /gateways/g/sensors/s/…
        if not any(
            watched.gateway in (None, gateway) and watched.sensor in (None, sensor)
            for watched in self._watched
        ):
            return
        seen = WatchedPut(
            gateway=gateway,
            sensor=sensor,
            kind="series" if address[-1] == "series" else "status",
            http_status=None if isinstance(answer, Unreachable) else answer.status,
            detail=str(answer)[:200] if isinstance(answer, Unreachable) else "",
            took=round((time.perf_counter() - begun) * 1000),
            body=body[: 4 * MAX_PUT_BODY].decode("utf-8", "replace")[:MAX_PUT_BODY],
            skipped=self._skipped,
        )
        try:
            self._queue.put_nowait(seen)
        except asyncio.QueueFull:
            self._skipped += 1
        else:
            self._skipped = 0

    async def _hear(self, message: Msg) -> None:
        try:
            wanted = WatchRequest.model_validate_json(message.data)
        except (ValidationError, RecursionError):
            return
        if before := self._watched.pop(wanted, None):
            before.cancel()
        if len(self._watched) < MOST:
            loop = asyncio.get_running_loop()
            self._watched[wanted] = loop.call_later(WATCH_S, self._watched.pop, wanted, None)


class WatchedCloud:
    def __init__(self, cloud: Cloud, watchers: Watchers) -> None:
        self._cloud = cloud
        self._watchers = watchers

    async def put(self, path: str, body: bytes, bearer: str) -> Answer:
        if not self._watchers.any:
            return await self._cloud.put(path, body, bearer)
        begun = time.perf_counter()
        try:
            answer = await self._cloud.put(path, body, bearer)
        except Unreachable as error:
            self._watchers.put(path, body, begun, error)
            raise
        self._watchers.put(path, body, begun, answer)
        return answer

    async def get(self, path: str, query: dict[str, str], bearer: str) -> Answer:
        return await self._cloud.get(path, query, bearer)
