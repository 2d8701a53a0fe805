"""Otosense's ports in memory, as mean as the real ones: revisions are compared, a subject holds one message."""

from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from ferry.clouds.otosense import CloudSensor
from ferry.otosense.certificates import read_chain
from ferry.otosense.sensors.records import Claim, ConflictError, Record, Stored


class Turn:
    """Before records and messages are touched: the test that drives the coroutines decides which one continues.

    What does not depend on the others' doings has no turn: it would multiply the orders and show nothing.
    """

    def __await__(self) -> Generator[None, None, None]:
        yield


@dataclass
class Clock:
    now_ms: int = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)

    @property
    def iso(self) -> str:
        return f"2023-11-14T22:13:20.{self.now_ms % 1_000_000_000:09d}+00:00"


@dataclass
class MemoryStore:
    """Implements Store."""

    kept: dict[str, tuple[Record | None, int]] = field(default_factory=dict)
    claimed: dict[str, Claim] = field(default_factory=dict)
    sequence: int = 0

    async def read(self, sensor_id: str) -> Stored:
        await Turn()
        record, revision = self.kept.get(sensor_id, (None, 0))
        return Stored(record, revision)

    async def write(self, record: Record, revision: int) -> int:
        await Turn()
        return self._put(record.sensor.sensor_id, record, revision)

    async def delete(self, sensor_id: str, revision: int) -> None:
        await Turn()
        self._put(sensor_id, None, revision)

    def _put(self, sensor_id: str, record: Record | None, revision: int) -> int:
        if self.kept.get(sensor_id, (None, 0))[1] != revision:
            raise ConflictError
        self.sequence += 1
        self.kept[sensor_id] = (record, self.sequence)
        return self.sequence

    async def read_claim(self, fingerprint: str) -> Claim | None:
        return self.claimed.get(fingerprint)

    async def write_claim(self, fingerprint: str, claim: Claim) -> None:
        self.claimed[fingerprint] = claim

    async def delete_claim(self, fingerprint: str) -> None:
        self.claimed.pop(fingerprint, None)

    async def sensors(self) -> list[str]:
        return sorted(self.kept)

    async def claims(self) -> list[str]:
        return sorted(self.claimed)


@dataclass
class MemoryCloud:
    """Implements Cloud: one tenant's sensors."""

    clock: Clock
    sensors: dict[str, CloudSensor] = field(default_factory=dict)
    posts: int = 0

    async def provision(self, cert: str) -> CloudSensor:
        self.posts += 1
        sensor_id = read_chain(cert).sensor_id
        assert sensor_id
        return self.sensors.setdefault(sensor_id, CloudSensor(sensor_id, self.clock.iso, "key"))

    async def get(self, sensor_id: str) -> CloudSensor | None:
        return self.sensors.get(sensor_id)

    def release(self, sensor_id: str) -> None:
        del self.sensors[sensor_id]

    def connect(self, sensor_id: str) -> None:
        self.sensors[sensor_id] = replace(self.sensors[sensor_id], last_connected=self.clock.iso)


@dataclass
class MemoryQueue:
    """Implements Queue. A message that was delivered stays until it is done."""

    messages: set[str] = field(default_factory=set)

    async def follow(self, sensor_id: str) -> None:
        await Turn()
        self.messages.add(sensor_id)

    def deliver(self, sensor_id: str) -> "MemoryDelivery":
        assert sensor_id in self.messages
        return MemoryDelivery(self, sensor_id)


@dataclass
class MemoryDelivery:
    """Implements Delivery."""

    queue: MemoryQueue
    sensor_id: str
    waits_s: float | None = None

    async def done(self) -> None:
        await Turn()
        self.queue.messages.discard(self.sensor_id)

    async def again_in(self, wait_s: float) -> None:
        await Turn()
        self.waits_s = wait_s


@dataclass
class MemoryEvents:
    """Implements Events."""

    stored: list[tuple[str, str]] = field(default_factory=list)

    async def position(self) -> int:
        return len(self.stored)

    async def store(self, verb: str, message: BaseModel) -> None:
        self.stored.append((verb, getattr(message, "sensor_id")))  # noqa: B009 - each of them has one

    async def was_stored(self, verb: str, sensor_id: str, after: int) -> bool:
        return (verb, sensor_id) in self.stored[after:]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """To its end, alone."""
    while True:
        try:
            work.send(None)
        except StopIteration as ended:
            return ended.value


def interleave(works: list[Coroutine[Any, Any, Any]], choose: "Choices") -> list[Any]:
    """All of them to their ends, a turn at a time, in the order that `choose` says; their answers or errors."""
    answers: dict[int, Any] = {}
    while len(answers) < len(works):
        left = [number for number in range(len(works)) if number not in answers]
        number = left[choose.of(len(left))]
        try:
            works[number].send(None)
        except StopIteration as ended:
            answers[number] = ended.value
        except Exception as error:  # noqa: BLE001 - the test judges it
            answers[number] = error
    return [answers[number] for number in range(len(works))]


class Choices:
    """One of all the ways to choose; `next` has the one after it, None behind the last."""

    def __init__(self, path: list[tuple[int, int]] | None = None) -> None:
        self._path = path or []
        self._at = 0

    def of(self, count: int) -> int:
        if self._at == len(self._path):
            self._path.append((0, count))
        chosen, _ = self._path[self._at]
        self._at += 1
        return chosen

    def next(self) -> "Choices | None":
        path = self._path[: self._at]
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return None
        chosen, count = path.pop()
        return Choices([*path, (chosen + 1, count)])
