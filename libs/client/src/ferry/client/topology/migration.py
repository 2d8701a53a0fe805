"""Migrates a stream while keeping every message and each sensor's order."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, ConsumerInfo, StreamConfig, StreamInfo, SubjectTransform
from nats.js.errors import NotFoundError

MUST_BE_OFF = (
    "sealed",
    "allow_msg_ttl",
    "allow_msg_schedules",
    "allow_atomic",
    "allow_batched",
    "allow_msg_counter",
)
"""Features that a publisher could use against others, if they were turned on."""
FIXED = ("retention", "storage", "sealed", "allow_msg_ttl")
"""What the server never changes, or never back."""
CLOSED_BYTES = 1
"""No message fits into a stream of one byte: publishes are refused, as when it is full."""
TURN_S = 0.1


class Infos(Protocol):
    """What the server has; `JetStreamContext` is the real one. Both raise NotFoundError."""

    async def stream_info(self, name: str) -> StreamInfo: ...

    async def consumer_info(self, stream: str, consumer: str) -> ConsumerInfo: ...


class RefusedError(Exception):
    """Not done, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Change:
    """What of `name` differs: field, what it is, what it should be. `info` is a stream's that is there."""

    name: str
    fields: dict[str, tuple[Any, Any]]
    make: Callable[[JetStreamContext], Awaitable[object]]
    info: StreamInfo | None = None
    missing: bool = False

    def __str__(self) -> str:
        if self.missing:
            return f"{self.name} is missing"
        said = (
            f"{field} is {_plain(now)}, should be {_plain(then)}"
            for field, (now, then) in self.fields.items()
        )
        return f"{self.name}: {'; '.join(said)}"

    @property
    def repartitions(self) -> bool:
        return not self.missing and "subject_transform" in self.fields

    def refusal(self) -> str | None:
        """Why it cannot be done without losing a message, and what to do; None when it can be done."""
        if self.info is None:
            return None
        for field in FIXED:
            if field in self.fields and self.fields[field][1] is not True:
                return (
                    f"{field} of a stream cannot be changed; stop its publishers, drain it or back it up, "
                    "delete it by hand, and run this again"
                )
        state = self.info.state
        if "max_bytes" in self.fields and self.fields["max_bytes"][1] < state.bytes:
            return f"{state.bytes} bytes are stored in it, more than the new max_bytes: let it drain first"
        if "max_age" in self.fields and state.messages and _shorter(*self.fields["max_age"]):
            return "a shorter max_age deletes older messages: empty it first (for dead letters: replay or discard)"
        return None


async def stream_change(jetstream: Infos, wanted: StreamConfig) -> Change | None:
    name = str(wanted.name)
    try:
        info = await jetstream.stream_info(name)
    except NotFoundError:
        return Change(name, {}, lambda js: js.add_stream(wanted), missing=True)
    fields = _differing(info.config, wanted)
    for field in MUST_BE_OFF:
        if getattr(info.config, field, None) and not getattr(wanted, field, None):
            fields[field] = (True, False)
    return Change(name, fields, lambda js: js.update_stream(wanted), info) if fields else None


async def consumer_change(jetstream: Infos, stream: str, wanted: ConsumerConfig) -> Change | None:
    async def make(js: JetStreamContext) -> object:
        return await js.add_consumer(stream, wanted)

    name = f"{stream}/{wanted.durable_name}"
    try:
        info = await jetstream.consumer_info(stream, str(wanted.durable_name))
    except NotFoundError:
        return Change(name, {}, make, missing=True)
    fields = _differing(info.config, wanted)
    return Change(name, fields, make) if fields else None


async def repartition(
    jetstream: JetStreamContext, change: Change, drain_s: float, ended: asyncio.Event
) -> None:
    """Closes the stream to publishers, and waits until it is drained: what is left has its old partition.

    Should another partition take a sensor's newer readings, they would overtake the older ones. Raises
    RefusedError after `drain_s` (s), or when `ended` is set: the stream is open again, partitioned as it was.
    """
    assert change.info is not None  # noqa: S101 - a missing stream has nothing to repartition
    before = change.info.config
    _, max_bytes = change.fields.get(
        "max_bytes", (None, before.max_bytes)
    )  # a run that was killed had closed it
    await jetstream.update_stream(replace(before, max_bytes=CLOSED_BYTES))
    try:
        await _worked_off(jetstream, change.name, drain_s, ended)
    except BaseException:
        await jetstream.update_stream(replace(before, max_bytes=max_bytes))
        raise


async def _worked_off(jetstream: JetStreamContext, name: str, drain_s: float, ended: asyncio.Event) -> None:
    deadline = time.monotonic() + drain_s
    while left := (await jetstream.stream_info(name)).state.messages:
        if ended.is_set():
            raise RefusedError(f"{name}: ended while {left} messages were being drained; run it again")
        if time.monotonic() > deadline:
            raise RefusedError(
                f"{name}: {left} messages were not drained within {drain_s:g} s, so its partitions are unchanged; "
                "is telemetry running, the cloud reachable (`ferry status`)? Increase FERRY_DRAIN_S for more time"
            )
        await asyncio.sleep(TURN_S)


def _differing(current: object, wanted: object) -> dict[str, tuple[Any, Any]]:
    found = {}
    for field, value in vars(wanted).items():
        now = getattr(current, field)
        if value is not None and now != value and (now or value):
            found[field] = (now, value)
    return found


def _shorter(now: float | None, then: float | None) -> bool:
    """0 means no limit."""
    return bool(then) and (not now or float(then or 0) < float(now))


def _plain(value: object) -> object:
    return value.dest if isinstance(value, SubjectTransform) else value
