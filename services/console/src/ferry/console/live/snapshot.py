"""The state of all services at one moment, as far as they answered, and rates."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ferry.contract.auth import AuthState
from ferry.contract.problems import Problem
from ferry.contract.telemetry import DeadCount, State

WINDOW_S = 10.0
"""What a rate is taken over."""
RECENT_S = 120.0
"""What died within it is news."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Messages and requests a second."""

    taken: float
    delivered: float
    puts: float
    dead: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`at` in s of a monotonic clock. Each pair is an answer or the reason why there is none; the other is None."""

    at: float
    unix_ms: int
    state: State | None = None
    state_problem: Problem | None = None
    tokens: AuthState | None = None
    tokens_problem: Problem | None = None
    rates: Rates | None = None
    dead: DeadCount | None = None
    """The dead letters by reason; None where they could not be counted."""
    died: Mapping[str, int] = field(default_factory=dict)
    """How many more there are by reason than RECENT_S ago, or than at the first look."""


def died(before: Snapshot, now: DeadCount) -> dict[str, int]:
    """By reason. Those that were replayed or discarded meanwhile hide as many new ones."""
    earlier = before.dead.by_reason if before.dead else now.by_reason
    grown = {reason: count - earlier.get(reason, 0) for reason, count in now.by_reason.items()}
    return {reason: count for reason, count in grown.items() if count > 0}


def rates(before: Snapshot, now: Snapshot) -> Rates | None:
    """Of replicas that are in both: one that came or went between says nothing. None without both states."""
    if before.state is None or now.state is None or now.at <= before.at:
        return None
    seconds = now.at - before.at
    earlier = {seen.replica: seen for seen in before.state.replicas}
    pairs = [(earlier[seen.replica], seen) for seen in now.state.replicas if seen.replica in earlier]

    def grown(values: Iterable[int]) -> float:
        return max(0, sum(values)) / seconds

    delivered = grown(new.delivered - old.delivered for old, new in pairs)
    dead = grown(new.dead - old.dead for old, new in pairs)
    waiting = (now.state.waiting - before.state.waiting) / seconds
    return Rates(
        taken=max(0.0, waiting + delivered + dead),
        delivered=delivered,
        puts=grown(new.puts - old.puts for old, new in pairs),
        dead=dead,
    )


class History:
    """The last snapshots, up to a maximum."""

    def __init__(self, most: int) -> None:
        self._kept: deque[Snapshot] = deque(maxlen=most)

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(self._kept)

    @property
    def last(self) -> Snapshot | None:
        return self._kept[-1] if self._kept else None

    def before(self, moment: float, window_s: float = WINDOW_S) -> Snapshot | None:
        """The newest that is at least `window_s` old then, or the oldest there is."""
        older = [one for one in self._kept if one.at <= moment - window_s]
        return older[-1] if older else next(iter(self._kept), None)

    def add(self, snapshot: Snapshot) -> None:
        self._kept.append(snapshot)
