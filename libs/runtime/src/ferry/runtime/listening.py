"""An ASGI application on a port of its own, for as long as a context."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

Application = Callable[..., Awaitable[None]]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the service, which stops its parts in order."""
        yield


@asynccontextmanager
async def listening(app: Application, host: str, port: int, **options: Any) -> AsyncIterator[int]:
    """Serves `app`; yields the port, a free one for 0. `options` are uvicorn's. Raises OSError when the port is taken.

    uvicorn's own belief in X-Forwarded-For is off: who asks is who connected.
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
