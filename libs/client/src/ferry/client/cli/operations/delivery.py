"""Telemetry's state as text: replicas, lagging partitions, the last errors."""

from collections.abc import Callable

from ferry.client.cli.terminal import moment, print_table, say
from ferry.contract.telemetry import DeadCount, Presence, State

LAST = 5
MOST_PAUSES = 10
REPLICA: tuple[tuple[str, Callable[[Presence], object]], ...] = (
    ("replica", lambda one: one.replica),
    ("partitions", lambda one: len(one.partitions)),
    ("in flight", lambda one: one.in_flight),
    ("parked", lambda one: one.parked),
    ("requests/limit", lambda one: f"{one.requests}/{one.limit}"),
    ("breaker", lambda one: one.breaker.replace("_", " ")),
    ("delivered", lambda one: one.delivered),
    ("PUTs", lambda one: one.puts),
    ("retries", lambda one: one.retries),
    ("dead", lambda one: one.dead),
)


def show_delivery(state: State, dead: DeadCount | None = None) -> None:
    full = f", {100 * state.dead_bytes / state.dead_max_bytes:.0f} % full" if state.dead_max_bytes > 0 else ""
    say(f"waiting: {state.waiting} messages, {state.waiting_bytes} bytes; dead letters: {state.dead}{full}")
    if dead and dead.by_reason:
        reasons = sorted(dead.by_reason.items(), key=lambda one: -one[1])
        say("dead letters by reason: " + ", ".join(f"{reason} {count}" for reason, count in reasons))
    say()
    print_table(
        tuple(name for name, _ in REPLICA),
        [tuple(read(one) for _, read in REPLICA) for one in state.replicas],
    )
    _show_troubles(state)
    for one in state.paused[:MOST_PAUSES]:
        whose = "/".join(part for part in (one.gateway, one.sensor) if part) or "every gateway"
        say(f"paused: {whose}, since {moment(one.at)}" + (f": {one.reason}" if one.reason else ""))
    if len(state.paused) > MOST_PAUSES:
        say(f"paused: … and {len(state.paused) - MOST_PAUSES} more: `ferry lanes list`")
    if state.outside:
        say(f"messages whose subject belongs to no partition: {state.outside}")
    behind = [part for part in state.partitions if part.lag or part.oldest_age_ms or part.owner is None]
    if behind:
        say()
        print_table(
            ("partition", "owner", "lag", "oldest age"),
            [(part.partition, part.owner or "nobody", part.lag, _age(part.oldest_age_ms)) for part in behind],
        )
    failures = sorted((one for seen in state.replicas for one in seen.failures), key=lambda one: one.at)
    if failures:
        say()
        say("last errors")
        for failure in failures[-LAST:]:
            say(f"  {moment(failure.at)}  {failure.what}")


def _show_troubles(state: State) -> None:
    for one in state.replicas:
        for words, number in (
            ("the circuit breaker is not closed: " + (one.breaker_cause or "?"), one.breaker != "closed"),
            (f"sensors whose requests fail: {one.failing_lanes}", one.failing_lanes),
            (f"sensors not confirmed by the registry: {one.unregistered_lanes}", one.unregistered_lanes),
            (f"dead letters that cannot be stored: {one.dead_letters_unstored}", one.dead_letters_unstored),
            (f"statuses not sent because their validity was over: {one.expired}", one.expired),
        ):
            if number:
                say(f"{one.replica}: {words}")
        for trouble in one.troubles:
            whose = "/".join(part for part in (trouble.gateway, trouble.sensor) if part)
            words = trouble.detail or ("not in the registry" if trouble.kind == "unregistered" else "failing")
            say(f"  {whose}: {words}")


def _age(age_ms: int | None) -> str:
    return "" if age_ms is None else f"{age_ms / 1000:.1f} s"
