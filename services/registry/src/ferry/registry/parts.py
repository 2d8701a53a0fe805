"""What came with a gateway: intended all at once, then recorded as the cloud has it, or registered one by one."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from ferry.contract import registry
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, RefusedPart, Sensor
from ferry.registry.bucket import ConflictError
from ferry.registry.registrar import Registrar, alike

E = TypeVar("E", Device, Sensor)
AT_ONCE = 32


@dataclass(slots=True)
class Parts(Generic[E]):
    """A gateway's devices or its sensors. `wanted` shrinks as `refused` grows, which says why."""

    noun: Literal["device", "sensor"]
    registrar: Registrar[E]
    wanted: dict[str, E] = field(default_factory=dict)
    refused: list[RefusedPart] = field(default_factory=list)
    intentions: dict[str, int] = field(default_factory=dict)
    """Revisions by id. What has none is there already, or is left to `ensure`."""
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @property
    def intended(self) -> list[E]:
        return [one for one in self.wanted.values() if one.id in self.intentions]

    def refuse(self, entity: str, error: ProblemError) -> None:
        self.refused.append(RefusedPart(noun=self.noun, id=entity, problem=error.problem))
        self.wanted.pop(entity, None)

    async def intend(self) -> None:
        """Raises nothing of one entity: it is refused, or left to `ensure`."""
        there: list[str] = []

        async def one(wanted: E) -> None:
            async with self.places:
                try:
                    known, revision = await self.registrar.intend(registry.key_of(wanted), wanted)
                except ConflictError:
                    return
                except ProblemError as error:
                    self.refuse(wanted.id, error)
                    return
            if known is None:
                self.intentions[wanted.id] = revision
            else:
                there.append(wanted.id)

        await asyncio.gather(*map(one, self.wanted.values()))
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
                    await self.registrar.ensure(registry.key_of(wanted), wanted)
                except ProblemError as error:
                    if error.problem.status >= 500:  # noqa: PLR2004 - HTTP's own
                        later.append(error)
                    self.refuse(wanted.id, error)

        await asyncio.gather(*map(one, list(self.wanted.values())))

    async def _recorded(self, wanted: E, found: E | None) -> bool:
        revision = self.intentions.get(wanted.id)
        if revision is None or found is None or not alike(found, wanted):
            return False
        try:
            await self.registrar.record(registry.key_of(wanted), found, revision)
        except ConflictError:
            return False
        return True
