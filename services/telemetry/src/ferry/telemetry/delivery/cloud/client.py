"""PUTs to Thing+ on the hot path, by pyreqwest: chosen by measurement (docs/understand/readings.md)."""

import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import RequestBuilder
from pyreqwest.response import Response

from ferry.clouds.network.way import read_network
from ferry.clouds.thingplus.answers import retry_after_s
from ferry.telemetry.delivery.cloud.network import through, why
from ferry.telemetry.delivery.ports import Answer, Unreachable
from ferry.telemetry.settings import CloudSettings

OK = 200
MAX_ANSWER = 256 * 1024
"""Bytes of an answer that are read; what is longer is no answer of Thing+'s."""
MAX_READ_BACK = 4 * 1024 * 1024
"""The same for a series read back: the largest publication, every character of it escaped, fits."""
Trace = Callable[[], str | None]
"""The W3C `traceparent` of a request, if it is followed."""


def _no_trace() -> None:
    return None


class ThingPlusCloud:
    """Both calls raise Unreachable."""

    def __init__(self, base: str, client: Client, proxy: str = "", trace: Trace = _no_trace) -> None:
        """`proxy` is shown where a request fails on its way through it."""
        self._base = base.rstrip("/")
        self._host = urlsplit(base).hostname or ""
        self._proxy = proxy
        self._client = client
        self._trace = trace

    def put(self, path: str, body: bytes, bearer: str) -> Coroutine[Any, Any, Answer]:
        request = self._client.put(self._base + path).header("Authorization", bearer)
        return self._send(request.body_bytes(body))

    def get(self, path: str, query: dict[str, str], bearer: str) -> Coroutine[Any, Any, Answer]:
        request = self._client.get(self._base + path).header("Authorization", bearer)
        return self._send(request.query(query), MAX_READ_BACK)

    async def _send(self, request: RequestBuilder, most: int = MAX_ANSWER) -> Answer:
        if traceparent := self._trace():
            request = request.header("traceparent", traceparent)
        try:
            async with request.build_streamed() as response:
                body = bytes(await response.body_reader.read(most) or b"")
                status = response.status
                waits = None if status == OK else retry_after_s(_header(response, "retry-after"))
                return Answer(status, body, waits, _header(response, "content-type"))
        except PyreqwestError as error:
            raise Unreachable(why(error, self._host, self._proxy)) from None


def _header(response: Response, name: str) -> str:
    """A header's text; None if it is missing or not text."""
    try:
        return response.headers.get(name) or ""
    except (PyreqwestError, ValueError):
        return ""


@asynccontextmanager
async def thingplus(
    settings: CloudSettings, connections: int, trace: Trace = _no_trace
) -> AsyncIterator[ThingPlusCloud]:
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
    network = read_network(os.environ)
    proxy = network.proxy_for(settings.url)
    async with through(builder, network, settings.url).build() as client:
        yield ThingPlusCloud(settings.url, client, proxy.shown if proxy else "", trace)
