"""JetStream over nats-py: concurrent publishes on one connection, which is replaced whenever it is lost."""

import asyncio
import contextlib
import itertools
import logging
import random
import time
from dataclasses import dataclass

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ferry.client.connection import Denial, denial, open_client
from ferry.client.errors import FerryError, NotConnectedError, NotStoredError, RefusedError
from ferry.client.publishing.acknowledgements import sequence_of, unconfirmed
from ferry.client.publishing.ports import Headers, Settled
from ferry.client.settings import NatsSettings

ACK_S = 5.0
"""Longer than a stream needs to elect a leader's answer; then the publish is tried again."""
SWEEP_S = 0.25
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
NO_RESPONDERS = "503"
_log = logging.getLogger("ferry.client")


@dataclass(slots=True)
class _Publish:
    subject: str
    deadline: float
    settled: Settled


class NatsStream:
    def __init__(self, settings: NatsSettings, *, ack_s: float = ACK_S) -> None:
        self._settings = settings
        self._ack_s = ack_s
        self._client: Client | None = None
        self._inbox = ""
        self._numbers = itertools.count()
        self._waiting: dict[str, _Publish] = {}
        self._connected = asyncio.Event()
        self._closed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._inbox_denied: Denial | None = None
        self._trouble: FerryError | None = None

    @property
    def trouble(self) -> FerryError | None:
        return self._trouble

    async def start(self, *, fail_fast: bool) -> None:
        if fail_fast:
            await self._connect()
        self._tasks = [asyncio.create_task(self._stay_connected()), asyncio.create_task(self._sweep())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            with contextlib.suppress(Exception):  # a connection that is half gone
                await self._client.close()

    @property
    def is_connected(self) -> bool:
        return self._connected.is_set()

    async def connected(self) -> None:
        await self._connected.wait()

    async def publish(self, subject: str, body: bytes, headers: Headers, settled: Settled) -> None:
        client = self._client
        if client is None or not self._connected.is_set():
            settled(self._trouble or NotConnectedError.saying("not connected to NATS"))
            return
        if self._inbox_denied:
            settled(self._inbox_denied.error(self._settings))
            return
        number = str(next(self._numbers))
        self._waiting[number] = _Publish(subject, time.monotonic() + self._ack_s, settled)
        try:
            await client.publish(subject, body, f"{self._inbox}.{number}", dict(headers) if headers else None)
        except nats.errors.MaxPayloadError:
            self._settle(
                number,
                RefusedError.saying(
                    "the reading is larger than the server accepts",
                    detail=f"{len(body)} bytes",
                    hint="publish fewer at a time",
                ),
            )
        except Exception as error:  # noqa: BLE001 - whatever nats-py raises is an answer, and others wait behind it
            self._settle(number, unconfirmed(str(error) or type(error).__name__))

    async def _stay_connected(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            if self._client is not None:
                await self._closed.wait()
                self._lose("the connection was lost")
                wait_s = FIRST_WAIT_S
            try:
                await self._connect()
            except FerryError as error:
                if self._trouble is None or str(self._trouble) != str(error):
                    _log.warning("%s", error)
                self._trouble = error
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - so that a fleet does not come back at once
                wait_s = min(LONGEST_WAIT_S, 2 * wait_s)

    async def _connect(self) -> None:
        self._closed.clear()
        self._inbox_denied = None
        client = await open_client(
            self._settings, name="ferry-client", on_error=self._noticed, on_closed=self._closed.set
        )
        try:
            self._inbox = client.new_inbox()
            await client.subscribe(f"{self._inbox}.*", cb=self._answered)
            for _ in range(2):  # nats-py's PING overtakes a SUB that is still in its buffer
                await client.flush()  # a denial of the inbox comes before the PONG
        except (nats.errors.Error, OSError) as error:
            with contextlib.suppress(Exception):
                await client.close()
            raise NotConnectedError.saying("the connection was lost at once", detail=str(error)) from None
        self._client = client
        self._trouble = None
        self._connected.set()

    def _lose(self, why: str) -> None:
        self._connected.clear()
        self._client = None
        self._trouble = NotConnectedError.saying(why)
        _log.warning("%s; connecting again", why)
        for number in list(self._waiting):
            self._settle(number, unconfirmed(why))

    def _noticed(self, error: Exception) -> None:
        found = denial(error)
        if found is None:
            return
        if found.verb == "subscribe":
            self._inbox_denied = found
        for number, publish in list(self._waiting.items()):
            if found.verb == "subscribe" or found.forbids(publish.subject):
                error = found.error(self._settings, publish.subject if found.verb == "publish" else None)
                error.maybe_stored = found.verb == "subscribe"
                self._settle(number, error)

    async def _answered(self, message: Msg) -> None:
        number = message.subject[len(self._inbox) + 1 :]
        if message.headers and message.headers.get("Status") == NO_RESPONDERS:
            hint = "is JetStream on, has `ferry topology` run, and does this account import the gateway's subjects?"
            self._settle(number, NotStoredError.saying("no stream accepts this subject", hint=hint))
            return
        try:
            self._settle(number, sequence_of(message.data))
        except FerryError as error:
            self._settle(number, error)

    async def _sweep(self) -> None:
        """One clock for all that wait: they are in the order of their deadlines."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for number, publish in list(self._waiting.items()):
                if publish.deadline > now:
                    break
                self._settle(number, unconfirmed(f"no acknowledgement within {self._ack_s:g} s"))

    def _settle(self, number: str, result: int | FerryError) -> None:
        if publish := self._waiting.pop(number, None):
            publish.settled(result)
