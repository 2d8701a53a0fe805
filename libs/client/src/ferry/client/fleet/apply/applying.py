"""Applies a plan. It can be interrupted at each step: the next plan shows what is left.

Renames come first, so that the old names are free; then what is new, gateways with their parts; then moves onto new
devices; what is retired comes last, and only when all else went well.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ferry.client.bus import Bus
from ferry.client.fleet.apply import ids, requests
from ferry.client.fleet.apply.asking import PASSES, PATIENCE_S, Asking
from ferry.client.fleet.plan import NOUNS, Change, Plan, Retirement
from ferry.client.fleet.registered import owner_of
from ferry.client.fleet.wanted import Wanted
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import MOST_PARTS, Noun, RegisteredGateway, Retired

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Failure:
    verb: str
    noun: Noun
    id: str | None
    name: str
    error: ProblemError


@dataclass(slots=True)
class Applied:
    """`skipped` were not tried: what they need failed. `retired` counts what went along too."""

    created: int = 0
    changed: int = 0
    retired: int = 0
    skipped: int = 0
    failed: list[Failure] = field(default_factory=list)


async def apply(
    bus: Bus,
    plan: Plan,
    at_once: int,
    progress: Callable[[int], None],
    *,
    prune: bool = False,
    patience_s: float = PATIENCE_S,
) -> Applied:
    """At most `at_once` requests at the same time and as fast as the cloud lets us.

    Temporary failures are retried until nothing has succeeded for `patience_s`.
    `progress` is called with the number of further items that have ended.
    """
    applying = _Applying(Asking(bus, at_once, patience_s), progress)
    new = set(plan.create)
    onto_new = [one for one in plan.change if "deviceId" in one.fields and one.wanted.parent in new]
    await applying.change([one for one in plan.change if one not in onto_new])
    rest = await applying.gateways(plan.create)
    await applying.parts([one for one in rest if one.noun == "device"])
    await applying.change(onto_new)
    await applying.parts([one for one in rest if one.noun == "sensor"])
    if prune:
        await applying.retire(plan.retire)
    return applying.done


class _Applying:
    def __init__(self, asking: Asking, progress: Callable[[int], None]) -> None:
        self.done = Applied()
        self._asking = asking
        self._progress = progress
        self._lost: set[Wanted] = set()
        """What is not there, and whatever needs it is not tried."""

    async def change(self, changes: Sequence[Change]) -> None:
        """A gateway's and a device's before their parts': an operator reads the events in this order."""
        for noun in NOUNS:
            await asyncio.gather(*(self._change(one) for one in changes if one.wanted.noun == noun))

    async def gateways(self, create: Sequence[Wanted]) -> list[Wanted]:
        """Registers gateways with their parts; the parts that have to come by themselves."""
        new = [one for one in create if one.noun == "gateway"]
        await self._reserve(new)
        of_new = [one for one in create if one.noun != "gateway" and one.gateway in set(new)]
        await self._reserve([one for one in of_new if one.noun == "device"])
        await self._reserve([one for one in of_new if one.noun == "sensor"])
        rest = {one: True for one in create if one.noun != "gateway"}
        parts: dict[Wanted, list[Wanted]] = {gateway: [] for gateway in new}
        for one in of_new:
            if None not in (one.id, one.gateway.id) and len(parts[one.gateway]) < MOST_PARTS:
                parts[one.gateway].append(one)
                del rest[one]
        put_off = await asyncio.gather(*(self._gateway(one, parts[one]) for one in new if one.id is not None))
        return [*(one for some in put_off for one in some), *rest]

    async def parts(self, wanted: Sequence[Wanted]) -> None:
        left = [one for one in wanted if one not in self._lost]
        await self._reserve(left)
        await asyncio.gather(*(self._part(one) for one in left if one not in self._lost))

    async def retire(self, retirements: Sequence[Retirement]) -> None:
        if self.done.failed or self.done.skipped:
            self.done.skipped += sum(one.count for one in retirements)
            self._progress(len(retirements))
            return
        await asyncio.gather(*map(self._retire, retirements))

    async def _reserve(self, wanted: Sequence[Wanted]) -> None:
        with_parents = [
            one
            for one in wanted
            if not _needs(one) & self._lost and all(need.id is not None for need in _needs(one))
        ]
        for one, error in await ids.reserve(self._asking, with_parents):
            self._end(one, error)

    async def _gateway(self, gateway: Wanted, parts: list[Wanted]) -> list[Wanted]:
        """What came with it and the cloud said "later" to."""
        refused: dict[tuple[str, str], ProblemError] = {}
        put_off = []
        try:
            answer = await self._asking.until_done(
                subjects.REGISTRY_GATEWAYS_REGISTER, requests.with_parts(gateway, parts), RegisteredGateway
            )
        except ProblemError as error:
            self._end(gateway, error)
        else:
            self._end(gateway, None)
            refused = {(one.noun, one.id): ProblemError(one.problem) for one in answer.refused or ()}
        for one in parts:
            said = refused.get((one.noun, str(one.id)))
            if said is not None and said.problem.status in PASSES:
                put_off.append(one)
            else:
                self._end(one, said)
        return put_off

    async def _part(self, one: Wanted) -> None:
        if _needs(one) & self._lost:
            self._end(one, None)
            return
        try:
            subject, asked = requests.part(one)
            await self._asking.until_done(subject, asked, requests.ENTITY[one.noun])
        except ProblemError as error:
            self._end(one, error)
        else:
            self._end(one, None)

    async def _change(self, change: Change) -> None:
        wanted = change.wanted
        if wanted.parent in self._lost:
            self.done.skipped += 1
        else:
            try:
                asked = requests.update(change)
                await self._asking.until_done(
                    requests.UPDATE[wanted.noun], asked, requests.ENTITY[wanted.noun]
                )
            except ProblemError as error:
                self._fail("change", wanted, error)
            else:
                self.done.changed += 1
        self._progress(1)

    async def _retire(self, one: Retirement) -> None:
        try:
            answer = await self._asking.until_done(requests.RETIRE[one.noun], requests.retire(one), Retired)
        except ProblemError as error:
            if error.problem.status != NOT_FOUND:
                where = f"{owner_of(one.entity)}/" if owner_of(one.entity) else ""
                entity = f"{where}{one.entity.id}"
                self.done.failed.append(Failure("retire", one.noun, entity, one.entity.name, error))
        else:
            self.done.retired += answer.gateways + answer.devices + answer.sensors
        self._progress(1)

    def _end(self, one: Wanted, error: ProblemError | None) -> None:
        if _needs(one) & self._lost:
            self.done.skipped += 1
            self._lost.add(one)
        elif error is None:
            self.done.created += 1
        else:
            self._fail("register", one, error)
            self._lost.add(one)
        self._progress(1)

    def _fail(self, verb: str, one: Wanted, error: ProblemError) -> None:
        self.done.failed.append(Failure(verb, one.noun, one.id, one.name, error))


def _needs(one: Wanted) -> set[Wanted]:
    return set() if one.parent is None else {one.parent, one.gateway}


def items(plan: Plan, *, prune: bool) -> int:
    """The total that `progress` will count."""
    parts: list[Iterable[object]] = [plan.create, plan.change, plan.retire if prune else ()]
    return sum(len(list(part)) for part in parts)
