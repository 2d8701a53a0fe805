"""The faults that are armed: which requests they strike, how often, for how long. Each has its own seeded dice."""

import random
import re
from dataclasses import dataclass, field
from email.utils import formatdate
from fnmatch import translate
from typing import Any

import msgspec

from ferry.sandbox.clock import Clock
from ferry.sandbox.faults.fault import Fault

PREFIXES = ("/v2", "/otosense")
_HTTP_DATE = re.compile(r"http-date(?:[+:]?([0-9]{1,9}))?")


@dataclass(slots=True)
class Armed:
    id: str
    fault: Fault
    since_s: float
    dice: random.Random
    pattern: re.Pattern[str] | None
    hits: int = 0
    second: int = -1
    spared: int = 0
    left: int | None = None

    def delay_s(self) -> float:
        fault = self.fault
        most = fault.max_ms if fault.max_ms is not None else fault.ms * 10
        if fault.distribution == "uniform":
            ms = self.dice.uniform(fault.ms, max(fault.ms, most))
        elif fault.distribution == "exponential":
            ms = min(most, self.dice.expovariate(1.0) * fault.ms)
        elif fault.distribution == "lognormal":
            ms = min(most, self.dice.lognormvariate(0.0, 0.75) * fault.ms)
        else:
            ms = fault.ms
        return ms / 1000

    def headers(self, now_s: float) -> dict[str, str]:
        """`http-date+2` as Retry-After becomes the date 2 s ahead; everything else stays as it is."""
        shown = self.fault.raw_headers()
        date = _HTTP_DATE.fullmatch(shown.get("Retry-After", ""))
        if date:
            shown["Retry-After"] = formatdate(now_s + int(date[1] or 2), usegmt=True)
        return shown


@dataclass(slots=True)
class Target:
    """What a fault's match is compared with."""

    cloud: str
    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    tenant: str = ""


@dataclass(slots=True)
class Struck:
    """Every latency that strikes a request, and of all other faults the first."""

    delays: list[Armed] = field(default_factory=list)
    last: Armed | None = None

    @property
    def all(self) -> list[Armed]:
        return self.delays if self.last is None else [*self.delays, self.last]


class Faults:
    def __init__(self, clock: Clock) -> None:
        self.armed: dict[str, Armed] = {}
        self._clock = clock
        self._next = 1

    def add(self, fault: Fault) -> str:
        """Raises ValueError when the path's pattern is none."""
        pattern = _compiled(fault.match.path)
        key = str(self._next)
        self._next += 1
        dice = random.Random(fault.seed)  # noqa: S311 - repeatable on purpose
        self.armed[key] = Armed(key, fault, self._clock.now_s(), dice, pattern, left=fault.for_requests)
        return key

    def remove(self, key: str | None) -> int:
        """One fault, or all of them; answers how many went."""
        if key is None:
            gone = len(self.armed)
            self.armed.clear()
            return gone
        return 0 if self.armed.pop(key, None) is None else 1

    def meet(self, target: Target) -> Struck:
        """What strikes this request. A fault behind the one that strikes is not used up: it waits for its turn."""
        struck = Struck()
        for armed in list(self.armed.values()):
            if self._ended(armed):
                del self.armed[armed.id]
            elif armed.fault.kind == "latency":
                if _fits(armed, target) and self._strikes(armed):
                    struck.delays.append(armed)
            elif struck.last is None and _fits(armed, target) and self._strikes(armed):
                struck.last = armed
        return struck

    def shown(self) -> list[dict[str, Any]]:
        live = [armed for armed in self.armed.values() if not self._ended(armed)]
        return [
            {"id": armed.id, "hits": armed.hits, "left": armed.left, **msgspec.to_builtins(armed.fault)}
            for armed in live
        ]

    def _ended(self, armed: Armed) -> bool:
        for_s = armed.fault.for_s
        return armed.left == 0 or (for_s is not None and self._clock.now_s() >= armed.since_s + for_s)

    def _strikes(self, armed: Armed) -> bool:
        if armed.fault.per_s is not None and self._spares(armed, armed.fault.per_s):
            return False
        if armed.fault.rate < 1 and armed.dice.random() >= armed.fault.rate:
            return False
        armed.hits += 1
        if armed.left is not None:
            armed.left -= 1
        return True

    def _spares(self, armed: Armed, per_s: int) -> bool:
        second = int(self._clock.now_s() - armed.since_s)
        if second != armed.second:
            armed.second, armed.spared = second, 0
        armed.spared += 1
        return armed.spared <= per_s


def _compiled(path: str | None) -> re.Pattern[str] | None:
    """A pattern that begins with ^ is a regular expression, any other a glob. Raises ValueError."""
    if path is None:
        return None
    try:
        return re.compile(path if path.startswith("^") else rf"\A{translate(path)}")
    except (re.error, OverflowError, RecursionError) as problem:
        raise ValueError(f"path is not a valid pattern: {problem}") from None


def _fits(armed: Armed, target: Target) -> bool:
    match = armed.fault.match
    if match.cloud is not None and match.cloud != target.cloud:
        return False
    if match.method is not None and match.method.upper() != target.method:
        return False
    if match.gateway is not None and match.gateway != target.params.get("gateway"):
        return False
    if match.sensor is not None and match.sensor != target.params.get("sensor"):
        return False
    if match.tenant is not None and match.tenant != target.tenant:
        return False
    return armed.pattern is None or any(armed.pattern.search(path) for path in _spellings(target.path))


def _spellings(path: str) -> list[str]:
    """The path as it is, and as the guides print it: without the place where its cloud is mounted."""
    short = [path.removeprefix(prefix) for prefix in PREFIXES if path.startswith(prefix + "/")]
    return [path, *short]
