"""The domain with one line changed: each change breaks a promise, and seeds must see it."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

TRAFFIC_S = 240.0
"""Of a run with a mutant."""
RELOADED = ("ferry.telemetry", "ferry.clouds.thingplus.answers", "simulation", "memory")


@dataclass(frozen=True, slots=True)
class Mutant:
    """`seeds` see it, the first at the latest the last. `old` must be in the module once."""

    name: str
    module: str
    old: str
    new: str
    seeds: tuple[int, ...] = ()


class _Mutating(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._mutant.module:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path)
        assert found is not None, name
        return importlib.util.spec_from_loader(name, self, origin=found.origin)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        source = Path(str(module.__spec__.origin)).read_text(encoding="utf-8")
        number = source.count(self._mutant.old)
        if number != 1:
            raise ValueError(f"{self._mutant.name}: its line is in {module.__name__} {number} times")
        exec(
            compile(source.replace(self._mutant.old, self._mutant.new), module.__name__, "exec"),
            module.__dict__,
        )


@contextmanager
def mutated(mutant: Mutant) -> Iterator[ModuleType]:
    """`simulation.run`, over the changed domain. All of it is imported anew, and as it was afterwards."""

    def of_ours(name: str) -> bool:
        return name.startswith(RELOADED) and name not in (__name__, "simulation")

    kept = {name: module for name, module in sys.modules.items() if of_ours(name)}
    finder = _Mutating(mutant)
    for name in kept:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module("simulation.run")
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if of_ours(name)]:
            del sys.modules[name]
        sys.modules.update(kept)


T = "ferry.telemetry."
MUTANTS = (
    Mutant(
        "order", T + "lanes.series_lane", "    points.sort(key=_by_time)\n", "    points.reverse()\n", (4,)
    ),
    Mutant(
        "newer ones overtake what is parked",
        T + "lanes.series_lane",
        "return sequence < self.backlog.first",
        "return True",
        (4,),
    ),
    Mutant(
        "what is there already is out of order",
        T + "delivery.series",
        "elif point.time in there.points and same_value(",
        "elif False and same_value(",
        (4,),
    ),
    Mutant("lease", T + "stream.partition", "if self.lost or not self.is_awake():", "if False:", (0, 24, 42)),
    Mutant(
        "gaps in the numbers of deliveries",
        T + "stream.partition",
        "if number != self.next_number:",
        "if False:",
        (8,),
    ),
    Mutant(
        "status that never expires",
        T + "lanes.status_lane",
        "return max(0, math.ceil(valid_s - ",
        "return max(1, math.ceil(valid_s) - int(0 * ",
        (1,),
    ),
    Mutant(
        "breaker stays open",
        T + "delivery.limits.breaker",
        'self.state = "closed"\n        self.cause = ""',
        'self.cause = ""',
        (4,),
    ),
    Mutant(
        "limiter forgets places",
        T + "delivery.limits.gate",
        "self.limiter.in_use -= 1",
        "self.limiter.in_use -= failing",
        (1,),
    ),
    Mutant(
        "a probe that was not sent",
        T + "delivery.limits.gate",
        "        self.breaker.abandoned()\n",
        "",
        (15, 5),
    ),
    Mutant(
        "time bounds", T + "lanes.times", "if self.earliest_ms <= time_ms <= latest_ms:", "if True:", (4,)
    ),
    Mutant(
        "any 200 is delivered",
        "ferry.clouds.thingplus.answers",
        "return Kind.RETRY if is_retryable(status) else Kind.FOREIGN",
        "return Kind.DELIVERED if status == 200 else Kind.FOREIGN",
        (8,),
    ),
    Mutant(
        "404 refuses the reading",
        "ferry.clouds.thingplus.answers",
        "404: Kind.ENTITY",
        "404: Kind.READING",
        (44,),
    ),
    Mutant(
        "471 refuses the reading",
        "ferry.clouds.thingplus.answers",
        "        return Kind.ACCOUNT\n",
        "        return Kind.READING\n",
        (34,),
    ),
    Mutant(
        "dead letters are not confirmed",
        T + "stream.in_flight",
        "if await self._dead_letters.store(delivery, cause):",
        "if await self._dead_letters.store(delivery, cause) or True:",
        (18,),
    ),
    Mutant(
        "backlog in the order of arrival",
        T + "lanes.backlog",
        "self._sequences.insert(at, sequence)",
        "self._sequences.append(sequence)",
        (7,),
    ),
    Mutant(
        "what is parked is forgotten",
        T + "forwarding.backlog_reader",
        "                lane.backlog.add(delivery.sequence)\n",
        "",
        (4,),
    ),
    Mutant(
        "ack before PUT",
        T + "forwarding.admit",
        "lane.waiting.append((delivery, points))",
        "lane.waiting.append((delivery, points)); self._in_flight._acks.ack(partition.consumer, delivery.sequence)",
        (1,),
    ),
    Mutant(
        "a failure of the cloud is delivered",
        "ferry.clouds.thingplus.answers",
        "    if is_retryable(status):\n        return Kind.RETRY\n",
        "    if is_retryable(status):\n        return Kind.DELIVERED\n",
        (0,),
    ),
    Mutant(
        "what is in flight at a stop is acked",
        T + "stream.ownership",
        "            await self._acks.flush()\n",
        "            for one in partition.in_flight:\n                self._acks.ack(partition.consumer, one)\n"
        "            await self._acks.flush()\n",
        (0,),
    ),
    Mutant(
        "retry budget",
        T + "delivery.requests",
        "health.failing_alone_s > self._policy.budget_s",
        "health.failing_alone_s > 5.0",
        (1,),
    ),
    Mutant(
        "a look-up that fails means absent",
        T + "registration.registered",
        "                state = None\n",
        '                state = "absent"\n',
        (20,),
    ),
    Mutant(
        "`on` without a look",
        T + "delivery.implied_status",
        "        if first:\n",
        "        if False:\n",
        (1, 9),
    ),
    Mutant(
        "an array is refused as one",
        T + "delivery.series",
        "elif outcome.kind in REFUSES_AN_ARRAY and len(chunk) > 1:",
        "elif False:",
        (4,),
    ),
    Mutant(
        "a wiped cloud",
        T + "delivery.limits.gate",
        "return not self.others_since(since, lane, enough=refused)",
        "return False",
        (44,),
    ),
    Mutant(
        "Retry-After without bound",
        T + "delivery.limits.breaker",
        "now + min(for_s, self._pause_max_s)",
        "now + for_s",
        (94,),
    ),
    Mutant(
        "a lane's Retry-After without bound",
        T + "delivery.retries",
        "min(retry_after_s, self.pause_max_s)",
        "retry_after_s",
        (331,),
    ),
    Mutant(
        "refused tokens are kept",
        T + "delivery.requests",
        "                await self._reject(bearer.generation)\n",
        "",
        (14,),
    ),
    Mutant(
        "a delivery twice in memory",
        T + "forwarding.accept",
        "if delivery.sequence in partition.in_flight or delivery.sequence in partition.unstored:",
        "if False:",
        (4,),
    ),
    Mutant(
        "the last delivery is lost",
        T + "stream.partition",
        "if last_number >= self.next_number:",
        "if False:",
        (113,),
    ),
    Mutant(
        "status by order of arrival",
        T + "lanes.status_lane",
        "if sequence <= self.finished or sequence < self.latest:",
        "if False:",
        (30,),
    ),
    Mutant(
        "a limit that never grows",
        T + "delivery.limits.limiter",
        "        self._ignored = 0\n        if",
        "        return\n        if",
        (13,),
    ),
    Mutant(
        "a purge that blocks a lane",
        T + "forwarding.backlog_reader",
        "if not found or found[0].sequence != first:",
        "if False:",
        (27,),
    ),
    Mutant(
        "memory without bound for one gateway",
        T + "stream.in_flight",
        "return used[0] * GATEWAY_SHARE < self._max_messages and",
        "return True or",
        (22,),
    ),
    Mutant(
        "values compared by letter",
        T + "lanes.values",
        "return float(first) == shown",
        "return bool(ours == shown)",
        (21,),
    ),
    Mutant(
        "a failing lane takes its gateway's memory",
        T + "stream.in_flight",
        "if failing and self.is_crowded_for(gateway):",
        "if False:",
        (123,),
    ),
    Mutant(
        "one bad element stops the others",
        T + "lanes.points",
        "            bad.append((index, reading))\n            continue\n",
        "            raise reading\n",
        (7,),
    ),
    Mutant(
        "a refused read-back is empty",
        T + "delivery.read_back",
        "        if series is None:\n",
        "        if series is None:\n            return Series({})\n        if series is None:\n",
        (10,),
    ),
)
