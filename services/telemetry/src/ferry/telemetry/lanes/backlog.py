"""The parked messages of a lane, by stream sequence: eight bytes each. Pure."""

from array import array
from bisect import bisect_left

COMPACT_AT = 4096
NOTHING = 2**64
"""Beyond every sequence."""


class Backlog:
    """Sequences in order, each once. `first` is NOTHING where there is none."""

    __slots__ = ("_head", "_sequences", "first")

    def __init__(self) -> None:
        self.first = NOTHING
        self._sequences = array("Q")
        self._head = 0

    def __len__(self) -> int:
        return len(self._sequences) - self._head

    @property
    def last(self) -> int:
        return self._sequences[-1]

    def add(self, sequence: int) -> None:
        """Where it belongs; a sequence that is there already is not added again."""
        self.first = min(self.first, sequence)
        if not self or sequence > self.last:
            self._sequences.append(sequence)
            return
        at = bisect_left(self._sequences, sequence, self._head)
        if self._sequences[at] != sequence:
            self._sequences.insert(at, sequence)

    def __contains__(self, sequence: int) -> bool:
        at = bisect_left(self._sequences, sequence, self._head)
        return at < len(self._sequences) and self._sequences[at] == sequence

    def take_through(self, sequence: int) -> list[int]:
        """Removes and returns all up to and with `sequence`."""
        at = bisect_left(self._sequences, sequence + 1, self._head)
        taken = list(self._sequences[self._head : at])
        self._head = at
        if self._head == len(self._sequences) or self._head >= COMPACT_AT:
            del self._sequences[: self._head]
            self._head = 0
        self.first = self._sequences[self._head] if self else NOTHING
        return taken
