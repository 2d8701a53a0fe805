"""A plan brought about: each new gateway with what belongs to it by one request, then all else one by one."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from ferry.client.bus import Bus
from ferry.client.fleet_plan import Asked, Noun, Plan, key
from ferry.client.pace import Pace
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    MOST_PARTS,
    Device,
    NewDevice,
    NewSensor,
    RegisterDevice,
    RegisteredGateway,
    RegisterGateway,
    RegisterSensor,
    Sensor,
)

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
PATIENCE_S = 60.0
Answer = TypeVar("Answer", bound=BaseModel)
Part = RegisterDevice | RegisterSensor


@dataclass(slots=True)
class Applied:
    """`skipped` were not tried: what they belong to failed."""

    created: int = 0
    skipped: int = 0
    failed: list[tuple[Noun, Asked, ProblemError]] = field(default_factory=list)


async def apply(
    bus: Bus, plan: Plan, at_once: int, progress: Callable[[int], None], patience_s: float = PATIENCE_S
) -> Applied:
    """Registers what is missing, at most `at_once` requests at the same time and as fast as the cloud lets us.

    A failure that another try may mend is tried again until nothing at all went well for `patience_s`.
    `progress` is told how many entities more have come to an end.
    """
    applying = _Applying(bus, Pace(at_once), progress, patience_s)
    gateways, rest = _gathered(plan)
    await asyncio.gather(*map(applying.gateway, gateways))
    rest += applying.put_off
    await asyncio.gather(*(applying.part(one) for one in rest if isinstance(one, RegisterDevice)))
    await asyncio.gather(*(applying.part(one) for one in rest if isinstance(one, RegisterSensor)))
    return applying.done


@dataclass(slots=True)
class _Whole:
    """A gateway, and as many of its devices and sensors as one request takes."""

    gateway: RegisterGateway
    parts: list[Part] = field(default_factory=list)

    def request(self) -> RegisterGateway:
        devices, sensors = [], []
        for part in self.parts:
            fields = part.model_dump(exclude={"owner"}, exclude_none=True)
            if isinstance(part, RegisterSensor):
                sensors.append(NewSensor(**fields))
            else:
                devices.append(NewDevice(**fields))
        return self.gateway.model_copy(update={"devices": devices, "sensors": sensors})


def _gathered(plan: Plan) -> tuple[list[_Whole], list[Part]]:
    """New gateways with their parts, and all parts besides."""
    wholes: dict[str | None, _Whole] = {}
    rest: list[Part] = []
    for _, asked in plan.create:  # gateways come first, then devices, then sensors
        if isinstance(asked, RegisterGateway):
            wholes[asked.req_id] = _Whole(asked)
        elif asked.owner in wholes and len(wholes[asked.owner].parts) < MOST_PARTS:
            wholes[asked.owner].parts.append(asked)
        else:
            rest.append(asked)
    return list(wholes.values()), rest


@dataclass(slots=True)
class _Applying:
    bus: Bus
    pace: Pace
    progress: Callable[[int], None]
    patience_s: float
    done: Applied = field(default_factory=Applied)
    put_off: list[Part] = field(default_factory=list)
    """What came with its gateway, and the cloud said "later" to."""
    lost: set[tuple[str, str]] = field(default_factory=set)
    """Gateways and devices that are not there, as (owner, id)."""

    async def gateway(self, whole: _Whole) -> None:
        refused: dict[tuple[str, str], ProblemError] = {}
        try:
            answer = await self._until_there(
                subjects.REGISTRY_GATEWAYS_REGISTER, whole.request(), RegisteredGateway
            )
        except ProblemError as error:
            self._end("gateway", whole.gateway, error)
        else:
            self._end("gateway", whole.gateway, None)
            refused = {(part.noun, part.id): ProblemError(part.problem) for part in answer.refused or ()}
        for part in whole.parts:
            said = refused.get((_noun(part), str(part.req_id)))
            if said is not None and said.problem.status >= 500:  # noqa: PLR2004 - HTTP's own
                self.put_off.append(part)
            else:
                self._end(_noun(part), part, said)

    async def part(self, asked: Part) -> None:
        """By itself, unless what it belongs to is not there."""
        try:
            if not _needs(asked) & self.lost:
                if isinstance(asked, RegisterSensor):
                    await self._until_there(subjects.REGISTRY_SENSORS_REGISTER, asked, Sensor)
                else:
                    await self._until_there(subjects.REGISTRY_DEVICES_REGISTER, asked, Device)
        except ProblemError as error:
            self._end(_noun(asked), asked, error)
        else:
            self._end(_noun(asked), asked, None)

    def _end(self, noun: Noun, asked: Asked, error: ProblemError | None) -> None:
        if _needs(asked) & self.lost:
            self.done.skipped += 1
            self.lost.add(key(asked))
        elif error is None:
            self.done.created += 1
        else:
            self.done.failed.append((noun, asked, error))
            self.lost.add(key(asked))
        self.progress(1)

    async def _until_there(self, subject: str, asked: BaseModel, answer: type[Answer]) -> Answer:
        """Registration is safe to repeat. Raises ProblemError: no repeat mends it, or patience is at its end."""
        wait_s = FIRST_WAIT_S
        while True:
            async with self.pace.turn():
                try:
                    found = await self.bus.ask(subject, asked, answer)
                except ProblemError as error:
                    if error.problem.status < 500:  # noqa: PLR2004 - HTTP's own
                        raise
                    self.pace.slower(error.problem.retry_after)
                    if self.pace.quiet_s > self.patience_s:
                        raise
                else:
                    self.pace.well()
                    return found
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)


def _noun(part: Part) -> Noun:
    return "sensor" if isinstance(part, RegisterSensor) else "device"


def _needs(asked: Asked) -> set[tuple[str, str]]:
    if isinstance(asked, RegisterGateway):
        return set()
    if isinstance(asked, RegisterSensor):
        return {("", asked.owner), (asked.owner, asked.device_id)}
    return {("", asked.owner)}
