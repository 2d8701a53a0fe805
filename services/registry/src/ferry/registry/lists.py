"""Lists of the fleet, as new as the bucket was when they were asked for."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import structlog
from pydantic import ValidationError

from ferry.contract.ids import safe_id
from ferry.contract.registry import FILLED_KEY, Device, Gateway, Record, Sensor, State
from ferry.registry.index import Index

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
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The bucket's stream at one moment: which one it is, its last sequence, and how many keys it holds."""

    made: str
    last: int
    keys: int


@dataclass(frozen=True, slots=True)
class Written:
    """One key as it was last written; `body` is None when it was deleted."""

    sequence: int
    key: str
    body: bytes | None


class Log(Protocol):
    async def head(self) -> Head: ...
    async def since(self, sequence: int) -> list[Written]:
        """Some of what was written from `sequence` on, in order; empty when there is nothing."""
        ...


class Lists:
    """An index that reads, whenever it is asked, what the bucket got since: no watch that could fall behind."""

    def __init__(self, log: Log) -> None:
        self._log = log
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

    async def gateways(self) -> list[Gateway]:
        """All that were not deleted at the cloud, as in the two below."""
        return _there(Gateway, (await self._fresh()).under("gateways."))

    async def gateway_ids(self) -> set[str]:
        return {key.removeprefix("gateways.") for key, _ in (await self._fresh()).under("gateways.")}

    async def devices(self, owner: str) -> list[Device]:
        return _there(Device, (await self._fresh()).under(f"devices.{safe_id(owner)}."))

    async def sensors(self, owner: str) -> list[Sensor]:
        return _there(Sensor, (await self._fresh()).under(f"sensors.{safe_id(owner)}."))

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
            known_gap = head == self._gap
            await self._read_to(head)
            # One message a key: as many keys as messages is the proof that nothing was purged behind us.
            if self._last <= head.last and len(self._index) != head.keys and not known_gap:
                _log.warning("lists.read_anew", keys=head.keys, known=len(self._index))
                self._begin(head)
                await self._read_to(head)
            return self._index

    def _begin(self, head: Head) -> None:
        self._index, self._made, self._last, self._gap = Index(), head.made, 0, None

    async def _read_to(self, head: Head) -> None:
        """Until the head, or as far as there is anything for half a second; that is not waited for again."""
        for _ in range(1 if head == self._gap else TRIES):
            while self._last < head.last and (written := await self._log.since(self._last + 1)):
                self._index.update({one.key: _entity(one) for one in written})
                self._last = written[-1].sequence
            if self._last >= head.last or not head.keys:
                return
            await asyncio.sleep(AGAIN_S)
        self._gap = head


def _there(kind: type[E], found: Iterable[tuple[str, bytes]]) -> list[E]:
    entities = [kind.model_validate_json(entity) for _, entity in found]
    return [entity for entity in entities if entity.deleted_before is None]


def _entity(written: Written) -> bytes | None:
    """As a list shows it, or None when it is not registered."""
    if written.body is None or written.key == FILLED_KEY:
        return None
    try:
        record = _RECORDS[written.key.partition(".")[0]].model_validate_json(written.body)
    except (KeyError, ValidationError):
        _log.warning("lists.unreadable", key=written.key)
        return None
    if record.state != State.REGISTERED:
        return None
    return record.entity.model_dump_json(exclude_none=True).encode()
