"""PUTs to Thing+ on the hot path, by pyreqwest: chosen by measurement (docs/telemetry.md)."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import RequestBuilder

from ferry.telemetry.settings import CloudSettings
from ferry.telemetry.way import read_network, through

MAX_ANSWER = 256 * 1024
"""Bytes of an answer that are read; what is longer is no answer of Thing+'s."""
MAX_READ_BACK = 4 * 1024 * 1024
"""The same for a series read back: the largest publication, every character of it escaped, fits."""
MAX_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`retry_after_s` in s, from either form of Retry-After (RFC 9110 section 10.2.3)."""

    status: int
    body: bytes
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own


class Unreachable(Exception):  # noqa: N818 - a state of the cloud
    """No answer: refused, reset, timed out. What was sent may have been committed."""


class Cloud(Protocol):
    async def put(self, path: str, body: bytes, bearer: str) -> Answer: ...
    async def get(self, path: str, query: dict[str, str], bearer: str) -> Answer: ...


class ThingPlusCloud:
    """Both calls raise Unreachable."""

    def __init__(self, base: str, client: Client) -> None:
        self._base = base.rstrip("/")
        self._client = client

    async def put(self, path: str, body: bytes, bearer: str) -> Answer:
        request = self._client.put(self._base + path).header("Authorization", bearer)
        return await self._send(request.body_bytes(body))

    async def get(self, path: str, query: dict[str, str], bearer: str) -> Answer:
        request = self._client.get(self._base + path).header("Authorization", bearer)
        return await self._send(request.query(query), MAX_READ_BACK)

    async def _send(self, request: RequestBuilder, most: int = MAX_ANSWER) -> Answer:
        try:
            async with request.build_streamed() as response:
                body = bytes(await response.body_reader.read(most) or b"")
                status = response.status
                waits = response.headers.get("retry-after") if status >= 400 else None  # noqa: PLR2004
        except PyreqwestError as error:
            raise Unreachable(type(error).__name__) from None
        return Answer(status, body, _seconds(waits) if waits else None)


def _seconds(text: str) -> float | None:
    try:
        wait = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        wait = (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds()
    return min(max(wait, 0.0), MAX_RETRY_AFTER_S) if wait == wait else None  # noqa: PLR0124 - NaN


@asynccontextmanager
async def thingplus(settings: CloudSettings, connections: int) -> AsyncIterator[ThingPlusCloud]:
    builder = (
        ClientBuilder()
        .max_connections(connections)
        .pool_max_idle_per_host(connections)
        .connect_timeout(timedelta(seconds=settings.connect_s))
        .timeout(timedelta(seconds=settings.answer_s))
        .default_headers({"Content-Type": "application/json", "Accept": "application/json"})
        .follow_redirects(enable=False)
        .error_for_status(enable=False)
        .user_agent("ferry-telemetry")
    )
    async with through(builder, read_network(os.environ), settings.url).build() as client:
        yield ThingPlusCloud(settings.url, client)
