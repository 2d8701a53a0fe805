"""The registered fleet in key order: the cost of a page does not depend on the size of the fleet."""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

FEW = 64
"""So many new keys are put in their places one by one; more are sorted in with all the others at once."""
EXPIRY_SLACK_S = 60.0
"""A server removes an expired message a little late, and its clock need not be the one that stamped it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as it was last written.

    `entity` is encoded JSON when the key's entity is registered, and `names` are the places that it answers to.
    `expires_at` is in Unix s by the server's clock.
    """

    entity: bytes | None = None
    names: tuple[str, ...] = ()
    expires_at: float | None = None


class Index:
    """Keys sort by kind, then gateway, then id."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._entries: dict[str, Entry] = {}
        self._places: dict[str, list[str]] = {}
        self._expiries: list[tuple[float, str]] = []

    def update(self, changes: Mapping[str, Entry]) -> None:
        new = []
        for key, entry in changes.items():
            self._forget(key, keep_place=entry.entity is not None)
            self._entries[key] = entry
            for name in entry.names:
                self._places.setdefault(name, []).append(key)
            if entry.expires_at is not None:
                heapq.heappush(self._expiries, (entry.expires_at, key))
            if entry.entity is not None and not self._has(key):
                new.append(key)
        if len(new) > FEW:
            self._keys += new
            self._keys.sort()
        else:
            for key in new:
                insort(self._keys, key)

    def agrees(self, keys: int, at: float) -> bool:
        """Whether a bucket that holds so many keys at `at` (Unix s, the server's clock) can be the one seen here."""
        while self._expiries and self._expiries[0][0] < at - EXPIRY_SLACK_S:
            expired, key = heapq.heappop(self._expiries)
            if self._entries.get(key, Entry()).expires_at == expired:
                self._forget(key)
        if keys == len(self._entries):
            return True
        due = at + EXPIRY_SLACK_S
        doubtful = sum(
            entry.expires_at is not None and entry.expires_at < due for entry in self._entries.values()
        )
        return len(self._entries) - doubtful <= keys < len(self._entries)

    def at(self, name: str) -> list[bytes]:
        """The entities that answer to a place's name."""
        return [entity for key in self._places.get(name, ()) if (entity := self._entries[key].entity)]

    def page(self, prefix: str, after: str, limit: int, most_bytes: int) -> tuple[list[bytes], str | None]:
        """Entities whose key begins with `prefix` and comes after `after`; the last one's key when more follow.

        At most `limit`, fewer when they would be more than `most_bytes`, but one at least.
        """
        found: list[bytes] = []
        size, last = 0, after
        for key, entity in self.under(prefix, after):
            size += len(entity)
            if len(found) == limit or (found and size > most_bytes):
                return found, last
            found.append(entity)
            last = key
        return found, None

    def under(self, prefix: str, after: str = "") -> Iterator[tuple[str, bytes]]:
        begin = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after))
        for at in range(begin, len(self._keys)):
            key = self._keys[at]
            if not key.startswith(prefix):
                return
            entity = self._entries[key].entity
            if entity is not None:
                yield key, entity

    def _has(self, key: str) -> bool:
        at = bisect_left(self._keys, key)
        return at < len(self._keys) and self._keys[at] == key

    def _forget(self, key: str, *, keep_place: bool = False) -> None:
        before = self._entries.pop(key, None)
        if before is None:
            return
        for name in before.names:
            self._places[name].remove(key)
            if not self._places[name]:
                del self._places[name]
        if before.entity is not None and not keep_place:
            del self._keys[bisect_left(self._keys, key)]
