"""A nats-server with the production permissions: deploy/nats, and two publishers of one gateway each."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
from make_publisher import make
from nats.aio.client import Client

from ferry.runtime.settings import NatsSettings
from ferry.runtime.topology import TopologySettings, apply
from harness.bus import NATS_SERVER, Bus, listening
from harness.processes import Process, free_port

DEPLOY = Path(__file__).resolve().parents[3] / "deploy" / "nats"
USERS = ("sys", "topology", "auth", "registry", "telemetry", "otosense", "operator")
REGISTERED = {"alice": ["00000000000040008000000000000a1c"]}
"""The sandbox's gateway model takes a UUID only."""


def password(user: str) -> str:
    return f"password-of-{user}"


@dataclass
class Guarded(Bus):
    def env(self, service: str) -> dict[str, str]:
        return {"FERRY_NATS__USER": service, "FERRY_NATS__PASSWORD": password(service)}

    async def as_user(self, user: str, **options: Any) -> Client:
        chosen = {"user": user, "password": password(user), "inbox_prefix": f"_INBOX_{user}", **options}
        return await nats.connect(self.url, **chosen)

    async def as_publisher(self, name: str, **options: Any) -> Client:
        seed = (self.folder / "secrets" / name / "FERRY_NATS__NKEY_SEED").read_text()
        chosen = {"inbox_prefix": f"_INBOX_{name}", **options}
        return await nats.connect(self.url, nkeys_seed_str=seed, **chosen)


def server_config(folder: Path, port: int) -> Path:
    """deploy/nats as it is, but for the port, the store and the fsync that a test needn't wait for."""
    shutil.copytree(DEPLOY, folder / "conf", dirs_exist_ok=True)
    for name in ("alice", "bob"):
        make(
            name,
            [f"{name}-gateway", *REGISTERED.get(name, [])],
            folder / "conf" / "publishers",
            folder / "secrets" / name,
        )
    config = folder / "conf" / "ferry.conf"
    text = config.read_text()
    for old, new in (
        ("port: 4222", f'listen: "127.0.0.1:{port}"'),
        ('http: "0.0.0.0:8222"', ""),
        ('"/data"', f'"{folder / "jetstream"}"'),
        ("sync_interval: always", ""),
    ):
        assert text.count(old) == 1, f"ferry.conf no longer has {old!r}"
        text = text.replace(old, new)
    config.write_text(text)
    return config


@asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[Guarded]:
    port = free_port()
    command = [str(NATS_SERVER), "-c", str(server_config(folder, port))]
    env = {f"FERRY_NATS_{user.upper()}_PASSWORD": password(user) for user in USERS}
    env["FERRY_NATS_SERVER_NAME"] = "ferry-test"
    process = await Process.start("nats", command, folder, env)
    running = Guarded(f"nats://127.0.0.1:{port}", process, command, folder)
    try:
        await listening(running.url)
        client = await running.as_user("topology")
        await apply(client.jetstream(timeout=10), TopologySettings(nats=NatsSettings(url=running.url)))
        await client.close()
        yield running
    finally:
        if running.process.running:
            await running.process.kill()
