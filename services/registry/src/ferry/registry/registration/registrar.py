"""One kind of entity: registered at the cloud, found there, changed there, and kept in the bucket as the cloud has it.

Ids are decided before the first call (by the caller, or kept as a reservation), so whatever was interrupted is safe to
repeat: the cloud has the entity already, or has it not.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from ferry.clouds.errors import CloudError, RefusedError, UnreachableError
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    RETIRED_KEPT_S,
    Device,
    Gateway,
    Noun,
    Record,
    Sensor,
    State,
    key_of,
)
from ferry.registry.errors import ConflictError, TooLargeError
from ferry.registry.problems import busy, of_cloud, refused, too_large, unreachable

E = TypeVar("E", bound=Gateway | Device | Sensor)
NOT_COMPARED = {"mtime", "ctime", "declared_name", "declared_device_id"}
TRIES = 5


class Store(Protocol[E]):
    async def get(self, key: str) -> tuple[Record[E] | None, int]: ...
    async def put(
        self, key: str, record: Record[E], revision: int, *, expires_s: int | None = None
    ) -> int: ...


class Events(Protocol):
    async def emit(self, noun: str, verb: str, message: BaseModel) -> None: ...


@dataclass(frozen=True, slots=True)
class Calls(Generic[E]):
    """The cloud's calls for one kind of entity, which raise CloudError's family. `find` is None for what is absent."""

    register: Callable[[E], Awaitable[E]]
    find: Callable[[E], Awaitable[E | None]]
    update: Callable[[E], Awaitable[E]]
    delete: Callable[[E], Awaitable[bool]]
    """False for what was not there."""


class Registrar(Generic[E]):
    def __init__(self, noun: Noun, store: Store[E], events: Events, calls: Calls[E]) -> None:
        self.noun = noun
        self.calls = calls
        self._store = store
        self._events = events

    async def registered(self, key: str) -> E | None:
        """What is registered under the key, deleted at the cloud or not."""
        record, _ = await self._store.get(key)
        return entity_of(record)

    async def get(self, key: str) -> tuple[Record[E] | None, int]:
        return await self._store.get(key)

    async def state(self, key: str) -> State | None:
        record, _ = await self._store.get(key)
        return None if record is None else record.state

    async def ensure(self, wanted: E) -> E:
        """The entity, registered now or before. Raises ProblemError; a repeat is always safe."""
        for _ in range(TRIES):
            there, revision = await self.look(wanted)
            if there is not None:
                return there
            entity = await self.at_cloud(wanted)
            try:
                await self.record(entity, revision)
            except ConflictError:
                continue  # registered concurrently by another request: read the result
            return entity
        raise busy(self.noun, wanted.id)

    async def look(self, wanted: E) -> tuple[E | None, int]:
        """What is registered already, or None; and its record's revision. Raises ProblemError when they differ."""
        record, revision = await self._store.get(key_of(wanted))
        there = entity_of(record)
        if there is None or there.deleted_before is not None:
            return None, revision
        return self.same(wanted, there), revision

    async def record(self, entity: E, revision: int) -> None:
        """Raises ConflictError. The event comes first: a crash may publish it twice, but never misses it."""
        await self.tell("registered", entity)
        await self.keep(entity, revision)

    async def tell(self, verb: str, entity: E) -> None:
        await self._events.emit(self.noun, verb, entity)

    async def keep(self, entity: E, revision: int) -> None:
        """Raises ConflictError, ProblemError."""
        try:
            await self._store.put(key_of(entity), Record(state=State.REGISTERED, entity=entity), revision)
        except TooLargeError:
            raise too_large(self.noun, entity.id) from None

    async def retire(self, entity: E, revision: int, *, told: bool = False) -> None:
        """Raises ConflictError. Its record is kept for a while, so that telemetry can tell it from an unknown one."""
        if not told:
            await self.tell("retired", entity)
        record: Record[E] = Record(state=State.RETIRED, entity=entity, retired_at=int(time.time() * 1000))
        await self._store.put(key_of(entity), record, revision, expires_s=RETIRED_KEPT_S)

    async def at_cloud(self, wanted: E, register: Callable[[E], Awaitable[E]] | None = None) -> E:
        """What the cloud has after it was asked to register, whatever it answered. Raises ProblemError."""
        try:
            return await (register or self.calls.register)(wanted)
        except UnreachableError as error:
            if not error.ambiguous:
                raise unreachable(error) from None
            found = await self.find(wanted)  # the cloud may have acted: a POST is not repeated before a look
            if found is None:
                raise unreachable(error) from None
            return self.same(wanted, found)
        except RefusedError as error:
            if error.status == 409:  # noqa: PLR2004 - HTTP's number says it best
                found = await self.find(wanted)
                if found is not None:
                    return self.same(wanted, found)
            raise refused(self.noun, error) from None
        except CloudError as error:
            raise unreachable(error) from None

    async def find(self, wanted: E) -> E | None:
        """Raises ProblemError."""
        try:
            return await self.calls.find(wanted)
        except CloudError as error:
            raise of_cloud(self.noun, error) from None

    def same(self, wanted: E, there: E) -> E:
        """What is there, when it is what was asked for. Raises ProblemError."""
        differs = _differences(wanted, there)
        if not differs:
            return there
        field = next(iter(differs))
        ours, theirs = differs[field]
        raise ProblemError.of(
            "differs",
            409,
            f"{self.noun} {wanted.id} is registered already, with another {field}",
            field=field,
            detail=f"registered: {theirs}; asked for: {ours}",
            hint="ask for the same, choose another id, or update it",
        )


def entity_of(record: Record[E] | None) -> E | None:
    """The registered one, deleted at the cloud or not."""
    return record.entity if record is not None and record.state == State.REGISTERED else None


def alike(one: E, other: E) -> bool:
    return not _differences(one, other)


def _differences(wanted: E, there: E) -> dict[str, tuple[object, object]]:
    ours = wanted.model_dump(by_alias=True, exclude=NOT_COMPARED)
    theirs = there.model_dump(by_alias=True, exclude=NOT_COMPARED)
    return {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
