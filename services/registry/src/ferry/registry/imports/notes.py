"""Writes what an import found: an entity, or that the cloud no longer has it."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from ferry.contract.registry import Device, Gateway, Sensor, key_of
from ferry.registry.errors import ConflictError
from ferry.registry.names import keep_declared
from ferry.registry.problems import busy
from ferry.registry.registration.registrar import TRIES, Registrar, alike, entity_of

E = TypeVar("E", bound=Gateway | Device | Sensor)


async def no_parts() -> None:
    """What devices and sensors come with."""


async def adopt(registrar: Registrar[E], found: E, parts: Callable[[], Awaitable[None]] = no_parts) -> bool:
    """Takes over what the cloud lists. False when nothing is new. Raises ProblemError.

    `parts` takes over what belongs to it: after its event, and before its record, so that what is registered here is
    registered with all that belongs to it.
    """
    for _ in range(TRIES):
        record, revision = await registrar.get(key_of(found))
        known = entity_of(record)
        if record is not None and known is None and await registrar.find(found) is None:
            return False  # the list is older than the retirement
        if known is not None and (alike(known, found) or _older(found, known)):
            await parts()
            return False
        entity = found if known is None else cast("E", keep_declared(known, found))
        await registrar.tell("imported" if known is None else "changed", entity)
        await parts()
        parts = no_parts
        try:
            await registrar.keep(entity, revision)
        except ConflictError:
            continue
        return True
    raise busy(registrar.noun, found.id)


async def deleted(registrar: Registrar[E], entity: E, *, told: bool = False) -> bool:
    """Notes that the cloud no longer has it. False when there is nothing to note. Raises ProblemError."""
    for _ in range(TRIES):
        record, revision = await registrar.get(key_of(entity))
        known = entity_of(record)
        if known is None or known.deleted_before is not None:
            return False
        gone = cast("E", known.model_copy(update={"deleted_before": now_ms()}))
        if not told:
            await registrar.tell("deleted", gone)
        try:
            await registrar.keep(gone, revision)
        except ConflictError:
            continue
        return True
    raise busy(registrar.noun, entity.id)


def _older(found: E, known: E) -> bool:
    """Whether a list shows what was before the last change that was recorded; `mtime` is the cloud's own."""
    return known.deleted_before is None and bool(found.mtime and found.mtime < known.mtime)


def now_ms() -> int:
    return int(time.time() * 1000)
