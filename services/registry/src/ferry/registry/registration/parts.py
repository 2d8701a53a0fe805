"""Devices or sensors that come with a gateway: recorded as the cloud has them, or registered one by one."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, RefusedPart, Sensor
from ferry.registry.errors import ConflictError
from ferry.registry.registration.registrar import Registrar, alike

E = TypeVar("E", Device, Sensor)
AT_ONCE = 32


@dataclass(slots=True)
class Parts(Generic[E]):
    """`wanted` is by id; it shrinks as `refused` grows, which says why."""

    noun: Literal["device", "sensor"]
    registrar: Registrar[E]
    wanted: dict[str, E] = field(default_factory=dict)
    refused: list[RefusedPart] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)
    """By id, of the records of what is to be registered."""
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @property
    def missing(self) -> list[E]:
        return [one for one in self.wanted.values() if one.id in self.revisions]

    def refuse(self, entity: str, error: ProblemError) -> None:
        self.refused.append(RefusedPart(noun=self.noun, id=entity, problem=error.problem))
        self.wanted.pop(entity, None)

    async def look(self) -> None:
        """Leaves in `wanted` what is not registered yet; what is registered otherwise is refused."""
        there: list[str] = []

        async def one(wanted: E) -> None:
            async with self.places:
                try:
                    registered, revision = await self.registrar.look(wanted)
                except ProblemError as error:
                    self.refuse(wanted.id, error)
                    return
            if registered is None:
                self.revisions[wanted.id] = revision
            else:
                there.append(wanted.id)

        await asyncio.gather(*map(one, list(self.wanted.values())))
        for entity in there:
            del self.wanted[entity]

    async def settle(self, found: Iterable[E]) -> None:
        """Until the cloud says "later" to one: then the others are not tried, but refused with the same words."""
        at_cloud = {one.id: one for one in found}
        later: list[ProblemError] = []

        async def one(wanted: E) -> None:
            async with self.places:
                try:
                    if await self._recorded(wanted, at_cloud.get(wanted.id)):
                        return
                    if later:
                        raise later[0]
                    await self.registrar.ensure(wanted)
                except ProblemError as error:
                    if error.problem.status >= 500:  # noqa: PLR2004 - HTTP's own
                        later.append(error)
                    self.refuse(wanted.id, error)

        await asyncio.gather(*map(one, list(self.wanted.values())))

    async def _recorded(self, wanted: E, found: E | None) -> bool:
        revision = self.revisions.get(wanted.id)
        if revision is None or found is None or not alike(found, wanted):
            return False
        try:
            await self.registrar.record(found, revision)
        except ConflictError:
            return False
        return True
