"""Checks telemetry: owners of partitions, backlog, dead letters."""

import time

from ferry.client.doctor.findings import Finding, count, failed, ok, size, warning, wrong
from ferry.client.doctor.ports import Asking
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import Pause, State, StateRequest

OLD_MS = 10 * 60_000
MOST_PAUSES = 5
START = "start telemetry, then `ferry status`"


async def delivery(bus: Asking, limit_s: float) -> list[Finding]:
    try:
        state = await bus.ask(subjects.TELEMETRY_STATE_GET, StateRequest(), State, timeout_s=limit_s)
    except ProblemError as error:
        return [failed("leases", error, START)]
    return [_leases(state), _waiting(state), *_paused(state), *_cloud(state), _dead(state), *_unstored(state)]


def _leases(state: State) -> Finding:
    total = len(state.partitions)
    unowned = [part.partition for part in state.partitions if part.owner is None]
    behind = sum(part.lag for part in state.partitions if part.owner is None)
    if not unowned:
        owners = {part.owner for part in state.partitions}
        return ok("leases", f"{total} partitions, owned by {count(len(owners), 'replica')}")
    some = ", ".join(map(str, unowned[:8])) + (", …" if len(unowned) > 8 else "")  # noqa: PLR2004 - fit a line
    todo = "a replica takes them over within 15 s of a crash; if not, or after adding partitions, restart telemetry"
    return wrong(
        "leases", f"{len(unowned)} of {total} partitions have no owner ({some}); {behind} wait there", todo
    )


def _waiting(state: State) -> Finding:
    ages = [part.oldest_age_ms for part in state.partitions if part.oldest_age_ms is not None]
    oldest = max(ages, default=0)
    waiting = f"{count(state.waiting, 'message')} waiting ({size(state.waiting_bytes)})"
    words = f"{waiting}, the oldest for {oldest / 1000:.0f} s"
    if not state.waiting:
        return ok("backlog", "nothing waits")
    if oldest >= OLD_MS:
        return warning("backlog", words, "`ferry status` has the last errors: the cloud, or one sensor")
    return ok("backlog", words)


def _paused(state: State) -> list[Finding]:
    """What operators have paused: it is easily forgotten."""
    return [
        warning("paused", f"{_whose(one)} {_for_how_long(one)}", "`ferry lanes resume` to continue")
        for one in state.paused[:MOST_PAUSES]
    ]


def _whose(one: Pause) -> str:
    return "/".join(part for part in (one.gateway, one.sensor) if part) or "every gateway"


def _for_how_long(one: Pause) -> str:
    minutes = max(0, int(time.time() * 1000 - one.at) // 60_000)
    return f"for {count(minutes, 'minute')}" + (f": {one.reason}" if one.reason else "")


def _cloud(state: State) -> list[Finding]:
    tried = [replica for replica in state.replicas if replica.breaker != "closed"]
    if not tried:
        replicas = count(len(state.replicas), "replica")
        return [ok("thingplus", f"telemetry's circuit breaker is closed ({replicas})"), *_lanes(state)]
    failures = sorted((one for replica in tried for one in replica.failures), key=lambda one: one.at)
    cause = next(
        (one.breaker_cause for one in tried if one.breaker_cause), failures[-1].what if failures else ""
    )
    words = (
        f"the circuit breaker is open in {len(tried)} of {count(len(state.replicas), 'replica')} of telemetry"
    )
    todo = "nothing to do in Ferry: readings wait, and it probes by itself"
    return [wrong("thingplus", f"{words}: {cause}" if cause else words, todo)]


def _lanes(state: State) -> list[Finding]:
    """Sensors whose readings wait while the others' are delivered."""
    failing = sum(replica.failing_lanes for replica in state.replicas)
    unregistered = sum(replica.unregistered_lanes for replica in state.replicas)
    found = []
    if failing:
        todo = (
            "`ferry status` has the last errors; readings of a sensor that keeps failing become dead letters"
        )
        found.append(warning("sensors", f"requests of {count(failing, 'sensor')} fail", todo))
    if unregistered:
        todo = "register them (`ferry apply`) or import them (`ferry import`)"
        found.append(
            warning("sensors", f"{count(unregistered, 'sensor')} not confirmed by the registry", todo)
        )
    return found


def _unstored(state: State) -> list[Finding]:
    unstored = sum(replica.dead_letters_unstored for replica in state.replicas)
    if not unstored:
        return []
    words = f"{count(unstored, 'dead letter')} cannot be stored"
    return [wrong("dead letters", words, "is FERRY_DEAD full? `ferry dead list`, then replay or discard")]


def _dead(state: State) -> Finding:
    if not state.dead:
        return ok("dead letters", "none")
    todo = "`ferry dead list` shows why: replay or discard them"
    return warning("dead letters", f"{count(state.dead, 'message')} could not be delivered", todo)
