"""Ids of entities that are requested by name: the registered one's, or a new one that is reserved."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    Device,
    Gateway,
    Noun,
    Place,
    Sensor,
    State,
    device_key,
    gateway_key,
    sensor_key,
)
from ferry.registry.errors import ConflictError
from ferry.registry.problems import busy

Entity = Gateway | Device | Sensor
TRIES = 5
AT_ONCE = 64
CONFLICT = 409
MINE = range(400, 500)


class Lists(Protocol):
    async def at(self, places: Sequence[Place]) -> Sequence[Sequence[Entity]]: ...


class Reservations(Protocol):
    async def get(self, place: Place) -> tuple[str | None, int]: ...
    async def put(self, place: Place, entity: str, revision: int) -> None: ...
    async def give_up(self, place: Place) -> None: ...


class Filled(Protocol):
    async def require(self) -> None: ...


class States(Protocol):
    async def state(self, key: str) -> State | None: ...


class Ids:
    """Every method raises ProblemError."""

    def __init__(
        self, lists: Lists, reservations: Reservations, filled: Filled, states: Mapping[Noun, States]
    ) -> None:
        self._lists = lists
        self._reservations = reservations
        self._filled = filled
        self._states = states
        self._places = asyncio.Semaphore(AT_ONCE)

    async def reserve(self, places: Sequence[Place]) -> list[str]:
        """In their order."""
        registered = await self._registered(places)

        async def one(place: Place, there: Entity | None) -> str:
            async with self._places:
                return there.id if there is not None else (await self._reserved(place))[0]

        return list(await asyncio.gather(*map(one, places, registered)))

    @asynccontextmanager
    async def reserved(self, place: Place) -> AsyncIterator[str]:
        """The id, which is not kept when it was made here and what it was made for is refused."""
        (there,) = await self._registered([place])
        entity, made = (there.id, False) if there is not None else await self._reserved(place)
        try:
            yield entity
        except ProblemError as error:
            if made and error.problem.status in MINE and error.problem.status != CONFLICT:
                await self._reservations.give_up(place)
            raise

    async def _reserved(self, place: Place) -> tuple[str, bool]:
        """The id, and whether it was made just now."""
        made = uuid.uuid4().hex
        found, revision = None, 0
        for _ in range(TRIES):
            try:
                await self._reservations.put(place, made, revision)
            except ConflictError:
                found, revision = await self._reservations.get(place)
            else:
                return made, True
            if found is None:
                continue
            if await self._states[place.noun].state(_key(place, found)) is None:
                return found, False
            # Registered meanwhile; or renamed or retired since, and the place is free for another.
            (there,) = await self._registered([place])
            if there is not None:
                return there.id, False
        raise busy(place.noun, place.name)

    async def _registered(self, places: Sequence[Place]) -> list[Entity | None]:
        """A gateway that is not here may be at the cloud, as long as this bucket lacks some of the fleet."""
        found = list(map(_one, places, await self._lists.at(places)))
        if any(one is None and place.noun == "gateway" for one, place in zip(found, places, strict=True)):
            await self._filled.require()
        return found


def _one(place: Place, found: Sequence[Entity]) -> Entity | None:
    """What was asked for by this name before what the portal named so; what is there before what was deleted."""
    for by in (_is_declared, _is_there):
        better = [entity for entity in found if by(entity, place)]
        found = better or found
    if len(found) > 1:
        raise ProblemError.of(
            "ambiguous",
            409,
            f"{len(found)} {place.noun}s are called {place.name!r}",
            field="reqId",
            allowed=[entity.id for entity in found][:20],
            hint="select one by its id",
        )
    return found[0] if found else None


def _is_there(entity: Entity, _: Place) -> bool:
    return entity.deleted_before is None


def _is_declared(entity: Entity, place: Place) -> bool:
    if (entity.declared_name or entity.name) != place.name:
        return False
    return (
        not isinstance(entity, Sensor) or (entity.declared_device_id or entity.device_id) == place.device_id
    )


def _key(place: Place, entity: str) -> str:
    if place.noun == "gateway":
        return gateway_key(entity)
    if place.noun == "device":
        return device_key(str(place.owner), entity)
    return sensor_key(str(place.owner), entity)
