"""Imports what was registered, changed or deleted through the portal, a few gateways per step."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from ferry.clouds.errors import CloudError
from ferry.clouds.thingplus.listed import Listed
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    Device,
    Gateway,
    Imported,
    ImportRequest,
    Sensor,
    gateway_key,
)
from ferry.registry.imports.cursor import Cursor
from ferry.registry.imports.missing import Missing
from ferry.registry.imports.notes import adopt, no_parts
from ferry.registry.imports.pace import STEP_S, Pace, PausedError
from ferry.registry.imports.step import Step
from ferry.registry.problems import of_cloud, unknown
from ferry.registry.registration.registrar import Registrar

E = TypeVar("E", bound=Gateway | Device | Sensor)
GATEWAYS_A_STEP = 10
GATEWAYS_A_PAGE = 1000
"""Of the list that all gateways are compared with at the end."""
WRITES_AT_ONCE = 32


class Cloud(Protocol):
    async def gateway(self, gateway: str) -> Gateway | None: ...
    async def gateways(self, page: int, count: int) -> Listed[Gateway]: ...
    async def devices(self, owner: str) -> Listed[Device]: ...
    async def sensors(self, owner: str) -> Listed[Sensor]: ...


class Progress(Protocol):
    """Where the last import stopped."""

    async def get(self) -> str | None: ...
    async def put(self, cursor: str) -> None: ...
    async def clear(self) -> None: ...


class Filled(Protocol):
    async def imported(self, listed: set[str]) -> None: ...


class Importing:
    def __init__(
        self,
        cloud: Cloud,
        missing: Missing,
        progress: Progress,
        filled: Filled,
        registrars: tuple[Registrar[Gateway], Registrar[Device], Registrar[Sensor]],
        step_s: float = STEP_S,
    ) -> None:
        self._cloud = cloud
        self._missing = missing
        self._progress = progress
        self._filled = filled
        self._gateway, self._device, self._sensor = registrars
        self._step_s = step_s
        self._writes = asyncio.Semaphore(WRITES_AT_ONCE)

    async def step(self, asked: ImportRequest) -> Imported:
        """Some of the account's gateways, or the one asked for. Raises ProblemError; a repeat is safe."""
        step = Step(Pace(self._step_s))
        try:
            if asked.gateway is not None:
                return step.answer(await self._single(step, asked.gateway), resumed=False)
            cursor, resumed = await self._begin(asked)
            following = await self._page(step, cursor)
        except PausedError:
            raise of_cloud("list", step.pace.cause or CloudError("no time was left")) from None
        except CloudError as error:
            raise of_cloud("list", error) from None
        await (self._progress.clear() if following is None else self._progress.put(str(following)))
        return step.answer(following, resumed=resumed)

    async def _begin(self, asked: ImportRequest) -> tuple[Cursor, bool]:
        """The place to begin, and whether another import had come so far."""
        if asked.after is not None:
            try:
                return Cursor.read(asked.after), False
            except ValueError as error:
                raise ProblemError.of("bad-cursor", 400, str(error), field="after") from None
        stopped = None if asked.restart else await self._progress.get()
        if stopped is not None:
            try:
                return Cursor.read(stopped), True
            except ValueError:
                pass  # written by nobody who speaks this version
        return Cursor(), False

    async def _page(self, step: Step, cursor: Cursor) -> Cursor | None:
        if cursor.page is None:
            return await self._compare(step)
        found = await step.pace.call(self._cloud.gateways(cursor.page, GATEWAYS_A_STEP), first=True)
        first = found.items[0].id if found.items else ""
        if cursor.before and first == cursor.before:
            return await self._compare(step)  # the cloud repeats the page: there are no more
        todo = [one for one in found.items if not cursor.only or one.id in cursor.only]
        if not cursor.only:
            step.unreadable += found.unreadable
        ends = [self._one(step, gateway, first=number == 0) for number, gateway in enumerate(todo)]
        done = await asyncio.gather(*ends)
        left = tuple(gateway.id for gateway, is_done in zip(todo, done, strict=True) if not is_done)
        if left:
            return Cursor(cursor.page, left, cursor.before)
        if step.failure is not None and not step.gateways_done:
            raise step.failure
        if found.more:
            return Cursor(cursor.page + 1, before=first)
        return Cursor(None) if step.pace.is_over else await self._compare(step)

    async def _compare(self, step: Step) -> Cursor | None:
        """What is registered here with all that the cloud lists."""
        listed: set[str] = set()
        page, more = 0, True
        try:
            while more:
                found = await step.pace.call(self._cloud.gateways(page, GATEWAYS_A_PAGE), first=True)
                new = {gateway.id for gateway in found.items} - listed
                listed |= new
                page, more = page + 1, found.more and bool(new)
            await self._missing.gateways(step, listed)
        except PausedError:
            return Cursor(None)
        await self._filled.imported(listed)
        return None

    async def _single(self, step: Step, wanted: str) -> Cursor | None:
        gateway = await step.pace.call(self._cloud.gateway(wanted), first=True)
        if gateway is not None:
            done = await self._one(step, gateway, first=True)
            if step.failure is not None:
                raise step.failure
            return None if done else Cursor()
        registered = await self._gateway.registered(gateway_key(wanted))
        if registered is None:
            raise unknown("gateway", wanted, field="gateway")
        if registered.deleted_before is None:
            step.deleted.append(await self._missing.all_of(registered))
        return None

    async def _one(self, step: Step, gateway: Gateway, *, first: bool) -> bool:
        """False when it was not finished in this step. The gateway's event comes before those of its parts."""
        pace = step.pace
        try:
            devices, sensors = await asyncio.gather(
                pace.call(self._cloud.devices(gateway.id), first=first),
                pace.call(self._cloud.sensors(gateway.id), first=first),
            )

            async def parts() -> None:
                # Not in one statement: other gateways count meanwhile.
                new_devices = await self._adopt(step, self._device, devices.items)
                step.devices += new_devices
                new_sensors = await self._adopt(step, self._sensor, sensors.items)
                step.sensors += new_sensors

            is_new = await _adopted(step, self._gateway, gateway, parts)
            step.gateways += is_new
            await self._missing.of(step, gateway.id, devices.items, sensors.items)
        except PausedError:
            return False
        except CloudError as error:
            step.failure = error
            step.unreadable.append(f"gateway {gateway.id}: {error}")
            return True
        step.unreadable += [*devices.unreadable, *sensors.unreadable]
        step.gateways_done += 1
        return True

    async def _adopt(self, step: Step, registrar: Registrar[E], entities: Sequence[E]) -> int:
        async def one(entity: E) -> bool:
            async with self._writes:
                return await _adopted(step, registrar, entity)

        return sum(await asyncio.gather(*map(one, entities)))


async def _adopted(
    step: Step, registrar: Registrar[E], entity: E, parts: Callable[[], Awaitable[None]] = no_parts
) -> bool:
    try:
        return await adopt(registrar, entity, parts)
    except ProblemError as error:
        if error.problem.status >= 500:  # noqa: PLR2004 - HTTP's own
            raise
        step.unreadable.append(f"{entity.id}: {error.problem.title}")
        return False
