"""A bus in memory for what asks services and NATS: who serves what is state that a test changes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from nats.js.api import ConsumerConfig, ConsumerInfo, StreamConfig, StreamInfo, StreamState
from nats.js.errors import NotFoundError
from pydantic import BaseModel

from ferry.client.connection import Denial
from ferry.client.settings import NatsSettings
from ferry.client.topology import TopologySettings
from ferry.client.topology.laying import wanted_streams
from ferry.contract import subjects, topology
from ferry.contract.auth import AuthState, CloudState
from ferry.contract.jetstream import consumer_config
from ferry.contract.problems import no_answer, no_service
from ferry.contract.registry import Site, SiteList
from ferry.contract.telemetry import PartitionState, Presence, State

Answer = TypeVar("Answer", bound=BaseModel)
R = TypeVar("R")
VERSION = "1.2.3"
Serving = Callable[[], object]


def user_info(**data: object) -> bytes:
    now = datetime.now(UTC).isoformat()
    return json.dumps({"server": {"time": now}, "data": {"user": "op", "account": "FERRY", **data}}).encode()


def stats(service: str, number: int = 0, **more: object) -> bytes:
    said = {"name": f"ferry-{service}", "id": f"{service}{number}", "version": VERSION, "endpoints": []}
    return json.dumps({**said, **more}).encode()


def healthy() -> dict[str, Serving]:
    partitions = [PartitionState(partition=number, owner="r1") for number in range(4)]
    state = State(
        replicas=[Presence(replica="r1")],
        partitions=partitions,
        waiting=0,
        waiting_bytes=0,
        dead=0,
        dead_bytes=0,
        dead_max_bytes=1000,
    )
    clouds = [
        CloudState(cloud="thingplus", state="ok", generation=1),
        CloudState(cloud="otosense", state="ok"),
    ]
    account = {"storage": 10, "limits": {"max_storage": -1}}
    return {
        "$SYS.REQ.USER.INFO": user_info,
        "$JS.API.INFO": lambda: json.dumps(account).encode(),
        subjects.AUTH_STATE_GET: lambda: AuthState(clouds=clouds),
        subjects.TELEMETRY_STATE_GET: lambda: state,
        subjects.REGISTRY_SITES_LIST: lambda: SiteList(items=[Site(id="1", name="Plant")]),
    }


@dataclass
class Said:
    data: bytes


@dataclass
class FakeBus:
    """`serving`: who answers what; what it returns, or raises. `silent` subjects are never answered."""

    serving: dict[str, Serving] = field(default_factory=healthy)
    stats: list[bytes] = field(
        default_factory=lambda: [stats(name) for name in ("auth", "registry", "telemetry", "otosense")]
    )
    denied: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)

    async def _reached(self, subject: str, timeout_s: float) -> None:
        if subject in self.denied or "*" in self.denied:
            raise Denial("publish", subject.lower()).error(NatsSettings(user="op"), subject)
        if subject in self.silent or "*" in self.silent:
            await asyncio.sleep(timeout_s)
            raise no_answer(subject, timeout_s)

    async def _answer(self, subject: str, timeout_s: float) -> object:
        await self._reached(subject, timeout_s)
        if subject not in self.serving:
            raise no_service(subject)
        return self.serving[subject]()

    async def ask(
        self, subject: str, request: BaseModel, answer: type[Answer], *, timeout_s: float = 35
    ) -> Answer:
        said = await self._answer(subject, timeout_s)
        assert isinstance(said, answer)
        return said

    async def request(self, subject: str, body: bytes = b"", *, timeout_s: float) -> Said:
        said = await self._answer(subject, timeout_s)
        assert isinstance(said, bytes)
        return Said(said)

    async def everybody(self, subject: str, *, within_s: float) -> list[bytes]:
        await self._reached(subject, within_s)
        return list(self.stats)

    async def unless_refused(self, work: Awaitable[R], subject: str | None = None) -> R:
        if "*" in self.denied or subject in self.denied:
            work.close()  # type: ignore[attr-defined] # a coroutine that is not awaited
            raise Denial("publish", str(subject)).error(NatsSettings(user="op"))
        return await work


@dataclass
class FakeJetStream:
    """Streams and consumers as the contract has them; a test changes their configuration and state."""

    settings: TopologySettings = field(default_factory=TopologySettings)
    streams: dict[str, StreamInfo] = field(default_factory=dict)
    consumers: dict[str, ConsumerConfig] = field(default_factory=dict)
    error: Exception | None = None

    def __post_init__(self) -> None:
        for config in wanted_streams(self.settings):
            self.streams[str(config.name)] = _info(config)
        for one in topology.CONSUMERS:
            self.consumers[f"{one.stream}/{one.name}"] = ConsumerConfig.from_response(consumer_config(one))

    def change(self, name: str, **fields: Any) -> None:
        self.streams[name].config = self.streams[name].config.evolve(**fields)

    def fill(self, name: str, used: int) -> None:
        self.streams[name].state.bytes = used

    async def stream_info(self, name: str) -> StreamInfo:
        if self.error:
            raise self.error
        if name not in self.streams:
            raise NotFoundError
        return self.streams[name]

    async def consumer_info(self, stream: str, consumer: str) -> ConsumerInfo:
        if f"{stream}/{consumer}" not in self.consumers:
            raise NotFoundError
        config = self.consumers[f"{stream}/{consumer}"]
        return ConsumerInfo(name=consumer, stream_name=stream, config=config, created=datetime.now(UTC))


def _info(config: StreamConfig) -> StreamInfo:
    state = StreamState(messages=0, bytes=0, first_seq=0, last_seq=0, consumer_count=0)
    return StreamInfo(config=config, state=state)
