"""A plan brought about: gateways, then devices, then sensors, each asked of the registry until it is there."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import BaseModel

from ferry.client.bus import Bus
from ferry.client.fleet_plan import Asked, Noun, Plan
from ferry.client.pace import Pace
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, Gateway, RegisterGateway, RegisterSensor, Sensor

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
PATIENCE_S = 60.0
KINDS: tuple[tuple[Noun, str, type[BaseModel]], ...] = (
    ("gateway", subjects.REGISTRY_GATEWAYS_REGISTER, Gateway),
    ("device", subjects.REGISTRY_DEVICES_REGISTER, Device),
    ("sensor", subjects.REGISTRY_SENSORS_REGISTER, Sensor),
)


@dataclass(slots=True)
class Applied:
    """`skipped` were not tried: what they belong to failed."""

    created: int = 0
    skipped: int = 0
    failed: list[tuple[Noun, Asked, ProblemError]] = field(default_factory=list)


async def apply(
    bus: Bus, plan: Plan, at_once: int, progress: Callable[[], None], patience_s: float = PATIENCE_S
) -> Applied:
    """Registers what is missing, at most `at_once` at the same time and as fast as the cloud lets us.

    A failure that another try may mend is tried again until nothing at all went well for `patience_s`.
    """
    done = Applied()
    pace = Pace(at_once)
    lost: set[tuple[str, str]] = set()
    """Gateways and devices that are not there, as (owner, id)."""

    async def one(noun: Noun, subject: str, answer: type[BaseModel], asked: Asked) -> None:
        if _needs(asked) & lost:
            done.skipped += 1
            lost.add(_key(asked))
        else:
            try:
                await _until_there(bus, pace, subject, asked, answer, patience_s)
                done.created += 1
            except ProblemError as error:
                done.failed.append((noun, asked, error))
                lost.add(_key(asked))
        progress()

    for noun, subject, answer in KINDS:
        await asyncio.gather(
            *(one(noun, subject, answer, asked) for kind, asked in plan.create if kind == noun)
        )
    return done


async def _until_there(
    bus: Bus, pace: Pace, subject: str, asked: Asked, answer: type[BaseModel], patience_s: float
) -> None:
    """Registration is safe to repeat. Raises ProblemError: one that no repeat mends, or patience is at its end."""
    wait_s = FIRST_WAIT_S
    while True:
        async with pace.turn():
            try:
                await bus.ask(subject, asked, answer)
            except ProblemError as error:
                if error.problem.status < 500:  # noqa: PLR2004 - HTTP's own
                    raise
                pace.slower(error.problem.retry_after)
                if pace.quiet_s > patience_s:
                    raise
            else:
                pace.well()
                return
        await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        wait_s = min(LONGEST_WAIT_S, wait_s * 2)


def _key(asked: Asked) -> tuple[str, str]:
    return ("" if isinstance(asked, RegisterGateway) else asked.owner, str(asked.req_id))


def _needs(asked: Asked) -> set[tuple[str, str]]:
    if isinstance(asked, RegisterGateway):
        return set()
    if isinstance(asked, RegisterSensor):
        return {("", asked.owner), (asked.owner, asked.device_id)}
    return {("", asked.owner)}
