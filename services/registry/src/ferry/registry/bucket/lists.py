"""Lists of the fleet, as recent as the bucket at the time of the request."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import structlog
from pydantic import ValidationError

from ferry.contract.ids import safe_id
from ferry.contract.registry import Device, Gateway, Place, Record, Sensor, State, key_of
from ferry.registry.bucket.index import Entry, Index
from ferry.registry.bucket.unreadable import Unreadable
from ferry.registry.names import name_of, names_of

E = TypeVar("E", Gateway, Device, Sensor)
Kind = Literal["gateways", "devices", "sensors"]
PAGE_BYTES = 512 * 1024
"""Half of what the server takes as one message: a page's answer must fit into one."""
TRIES = 10
AGAIN_S = 0.05
"""A replica of the stream may be a moment behind its leader."""

_RECORDS: dict[str, type[Record[Gateway]] | type[Record[Device]] | type[Record[Sensor]]] = {
    "gateways": Record[Gateway],
    "devices": Record[Device],
    "sensors": Record[Sensor],
}
_ENTITIES: dict[str, type[Gateway] | type[Device] | type[Sensor]] = {
    "gateway": Gateway,
    "device": Device,
    "sensor": Sensor,
}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The bucket's stream at one moment (Unix s, the server's clock): which one it is, its last sequence, its keys."""

    made: str
    last: int
    keys: int
    at: float


@dataclass(frozen=True, slots=True)
class Written:
    """One key as it was last written; `body` is None when it was deleted. `expires_at` is in Unix s."""

    sequence: int
    key: str
    body: bytes | None
    expires_at: float | None = None


class Log(Protocol):
    async def head(self) -> Head: ...
    async def since(self, sequence: int) -> list[Written]:
        """Some of what was written from `sequence` on, in order; empty when there is nothing."""
        ...


class Lists:
    """An index that reads, whenever it is asked, what the bucket got since: no watch that could fall behind."""

    def __init__(self, log: Log, unreadable: Unreadable) -> None:
        self._log = log
        self._unreadable = unreadable
        self._index = Index()
        self._made = ""
        self._last = 0
        self._gap: Head | None = None
        self._one_reads = asyncio.Lock()

    async def page(self, kind: Kind, owner: str | None, after: str, limit: int) -> bytes:
        """The contract's list, encoded. `after` is the page before's `next`."""
        index = await self._fresh()
        prefix = f"{kind}." if owner is None else f"{kind}.{safe_id(owner)}."
        items, last = index.page(prefix, f"{kind}.{after}", limit, PAGE_BYTES)
        following = b"" if last is None else b',"next":"%b"' % last.removeprefix(f"{kind}.").encode()
        return b'{"items":[%b]%b}' % (b",".join(items), following)

    async def gateway_ids(self) -> set[str]:
        return {key.removeprefix("gateways.") for key, _ in (await self._fresh()).under("gateways.")}

    async def gateways(self) -> list[Gateway]:
        """All that are registered, those too that were deleted at the cloud; the same in the two below."""
        return _entities(Gateway, (await self._fresh()).under("gateways."))

    async def devices(self, owner: str) -> list[Device]:
        return _entities(Device, (await self._fresh()).under(f"devices.{safe_id(owner)}."))

    async def sensors(self, owner: str) -> list[Sensor]:
        return _entities(Sensor, (await self._fresh()).under(f"sensors.{safe_id(owner)}."))

    async def at(self, places: Sequence[Place]) -> list[list[Gateway | Device | Sensor]]:
        """What is registered at each, by its name or by the name that was declared for it."""
        index = await self._fresh()
        return [
            [_ENTITIES[place.noun].model_validate_json(entity) for entity in index.at(name_of(place))]
            for place in places
        ]

    async def load(self) -> None:
        """Reads the whole bucket, so that no caller waits for it."""
        try:
            await self._fresh()
        except Exception as error:  # noqa: BLE001 - the first list reads it then, or says why not
            _log.warning("lists.not_loaded", error=type(error).__name__)

    async def _fresh(self) -> Index:
        async with self._one_reads:
            head = await self._log.head()
            if head.made != self._made or head.last < self._last:
                self._begin(head)
            known_gap = _same_state(head, self._gap)
            await self._read_to(head)
            # One message a key: as many keys as messages is the proof that nothing was purged behind us.
            agrees = self._index.agrees(head.keys, head.at)
            if self._last <= head.last and not agrees and not known_gap:
                _log.warning("lists.read_anew", keys=head.keys)
                self._begin(head)
                await self._read_to(head)
            return self._index

    def _begin(self, head: Head) -> None:
        self._index, self._made, self._last, self._gap = Index(), head.made, 0, None

    async def _read_to(self, head: Head) -> None:
        """Reads to the head, or until nothing arrives for half a second, which is not awaited again."""
        for _ in range(1 if _same_state(head, self._gap) else TRIES):
            while self._last < head.last and (written := await self._log.since(self._last + 1)):
                self._index.update({one.key: self._entry(one) for one in written})
                self._last = written[-1].sequence
            if self._last >= head.last or not head.keys:
                return
            await asyncio.sleep(AGAIN_S)
        self._gap = head

    def _entry(self, written: Written) -> Entry:
        record = self._record(written)
        if record is None or record.state != State.REGISTERED:
            return Entry(expires_at=written.expires_at)
        entity = record.entity.model_dump_json(exclude_none=True).encode()
        return Entry(entity, names_of(record.entity), written.expires_at)

    def _record(self, written: Written) -> Record[Gateway] | Record[Device] | Record[Sensor] | None:
        """None when there is no entity under this key, or what is there cannot be read."""
        kind = _RECORDS.get(written.key.partition(".")[0])
        if kind is None or not written.body:
            return None
        try:
            record = kind.model_validate_json(written.body)
        except ValidationError:
            self._unreadable.found(written.key)
            return None
        if key_of(record.entity) != written.key:
            self._unreadable.found(written.key)
            return None
        return record


def _same_state(head: Head, other: Head | None) -> bool:
    return other is not None and (head.made, head.last, head.keys) == (other.made, other.last, other.keys)


def _entities(kind: type[E], found: Iterable[tuple[str, bytes]]) -> list[E]:
    return [kind.model_validate_json(entity) for _, entity in found]
