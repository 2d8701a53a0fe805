"""Serves an ASGI application on a port for the duration of a context."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

Application = Callable[..., Awaitable[None]]

REQUEST_S = 10.0
"""A request whose headers are not there by then never comes: uvicorn itself would wait without end."""


class _Protocol(H11Protocol):
    """Closes a connection whose request does not come, so that slow clients do not take the places of others."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._late:
            self._late.cancel()

    def _watch(self) -> None:
        if not self._awaits_request():
            if self._late:
                self._late.cancel()
            self._late = None
        elif self._late is None:
            self._late = self.loop.call_later(REQUEST_S, self._give_up)

    def _give_up(self) -> None:
        self._late = None
        if self._awaits_request():
            self.transport.close()

    def _awaits_request(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the service, which stops its parts in order."""
        yield


@asynccontextmanager
async def listening(app: Application, host: str, port: int, **options: Any) -> AsyncIterator[int]:
    """Serves `app`; yields the port, a free one for 0. `options` are uvicorn's. Raises OSError when the port is taken.

    uvicorn's handling of X-Forwarded-For is off: the client is the peer of the connection.
    """
    listener = socket.create_server((host, port))
    taken: int = listener.getsockname()[1]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        ws="none",
        http=_Protocol,
        **options,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield taken
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
        listener.close()
