"""The registered fleet in the order of its keys: a page costs what it holds, however large the fleet is."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping

FEW = 64
"""So many new keys are put in their places one by one; more are sorted in with all the others at once."""


class Index:
    """Entities as encoded JSON by the bucket's keys, which sort by kind, then gateway, then id."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._entities: dict[str, bytes] = {}
        self._others: set[str] = set()

    def __len__(self) -> int:
        """Keys that were seen, of registered entities and of others."""
        return len(self._entities) + len(self._others)

    def update(self, changes: Mapping[str, bytes | None]) -> None:
        """None is a key whose entity is not registered: an intention, or a deleted key."""
        new = []
        for key, entity in changes.items():
            if entity is None:
                self._forget(key)
                self._others.add(key)
                continue
            if key not in self._entities:
                new.append(key)
                self._others.discard(key)
            self._entities[key] = entity
        if len(new) > FEW:
            self._keys += new
            self._keys.sort()
        else:
            for key in new:
                insort(self._keys, key)

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
            yield key, self._entities[key]

    def _forget(self, key: str) -> None:
        if self._entities.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]
