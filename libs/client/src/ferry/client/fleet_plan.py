"""What a fleet file would change: compared with the registry, and brought about."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from pydantic import BaseModel

from ferry.client.bus import Bus
from ferry.client.fleet_file import Fleet
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    Device,
    DeviceList,
    Gateway,
    GatewayList,
    ListRequest,
    RegisterDevice,
    RegisterGateway,
    RegisterSensor,
    Sensor,
    SensorList,
)

Noun = Literal["gateway", "device", "sensor"]
Asked = RegisterGateway | RegisterDevice | RegisterSensor
Entity = Gateway | Device | Sensor
L = TypeVar("L", GatewayList, DeviceList, SensorList)
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    noun: Noun
    id: str
    fields: dict[str, tuple[object, object]]
    """Name to what is declared and what is registered."""


@dataclass(slots=True)
class Plan:
    create: list[tuple[Noun, Asked]] = field(default_factory=list)
    differ: list[Difference] = field(default_factory=list)
    unknown: list[tuple[Noun, Entity]] = field(default_factory=list)
    same: int = 0


@dataclass(slots=True)
class Registered:
    gateways: list[Gateway]
    devices: list[Device]
    sensors: list[Sensor]


async def registered(bus: Bus) -> Registered:
    gateways, devices, sensors = await asyncio.gather(
        _all(bus, subjects.REGISTRY_GATEWAYS_LIST, GatewayList),
        _all(bus, subjects.REGISTRY_DEVICES_LIST, DeviceList),
        _all(bus, subjects.REGISTRY_SENSORS_LIST, SensorList),
    )
    return Registered(
        [item for page in gateways for item in page.items],
        [item for page in devices for item in page.items],
        [item for page in sensors for item in page.items],
    )


async def _all(bus: Bus, subject: str, kind: type[L]) -> list[L]:
    pages: list[L] = []
    after: int | None = 0
    while after is not None:
        page = await bus.ask(subject, ListRequest(after=after, limit=PAGE), kind)
        pages.append(page)
        after = page.next
    return pages


def compare(fleet: Fleet, there: Registered) -> Plan:
    plan = Plan()
    _compare(plan, "gateway", fleet.gateways, {("", item.id): item for item in there.gateways})
    _compare(plan, "device", fleet.devices, {(item.owner, item.id): item for item in there.devices})
    _compare(plan, "sensor", fleet.sensors, {(item.owner, item.id): item for item in there.sensors})
    return plan


def _compare(plan: Plan, noun: Noun, wanted: Sequence[Asked], there: dict[tuple[str, str], Entity]) -> None:
    left = dict(there)
    for asked in wanted:
        owner = "" if isinstance(asked, RegisterGateway) else asked.owner
        known = left.pop((owner, str(asked.req_id)), None)
        if known is None:
            plan.create.append((noun, asked))
            continue
        ours, theirs = asked.model_dump(exclude={"req_id", "owner"}, exclude_none=True), known.model_dump()
        fields = {name: (value, theirs[name]) for name, value in ours.items() if theirs[name] != value}
        if fields:
            plan.differ.append(Difference(noun, known.id, fields))
        else:
            plan.same += 1
    plan.unknown += [(noun, entity) for entity in left.values()]


@dataclass(slots=True)
class Applied:
    created: int = 0
    failed: list[tuple[Noun, str, ProblemError]] = field(default_factory=list)


async def apply(bus: Bus, plan: Plan, at_once: int, progress: Callable[[], None]) -> Applied:
    """Registers what is missing: gateways, then devices, then sensors, `at_once` of each at the same time."""
    done = Applied()
    kinds: dict[Noun, tuple[str, type[BaseModel]]] = {
        "gateway": (subjects.REGISTRY_GATEWAYS_REGISTER, Gateway),
        "device": (subjects.REGISTRY_DEVICES_REGISTER, Device),
        "sensor": (subjects.REGISTRY_SENSORS_REGISTER, Sensor),
    }
    for noun, (subject, answer) in kinds.items():
        places = asyncio.Semaphore(at_once)

        async def one(
            asked: Asked,
            noun: Noun = noun,
            subject: str = subject,
            answer: type[BaseModel] = answer,
            places: asyncio.Semaphore = places,
        ) -> None:
            async with places:
                try:
                    await _patiently(lambda: bus.ask(subject, asked, answer))
                    done.created += 1
                except ProblemError as error:
                    done.failed.append((noun, str(asked.req_id), error))
                progress()

        await asyncio.gather(*(one(asked) for kind, asked in plan.create if kind == noun))
    return done


async def _patiently(call: Callable[[], Awaitable[BaseModel]]) -> None:
    """A failure that says `try again` is tried again, a few times: registration is safe to repeat."""
    for wait_s in (0.2, 0.5, 1.0, 2.0, 4.0):
        try:
            await call()
        except ProblemError as error:
            if error.problem.status < 500:  # noqa: PLR2004 - HTTP's own
                raise
            await asyncio.sleep(wait_s)
        else:
            return
    await call()
