"""What is wrong, why, and what to do: one sentence each, the worst first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ferry.console.live.snapshot import Snapshot
from ferry.contract.auth import AuthState
from ferry.contract.problems import Problem
from ferry.contract.telemetry import State

Level = Literal["stopped", "failing", "warning"]
ORDER: tuple[Level, ...] = ("stopped", "failing", "warning")
TITLES = {"thingplus": "Thing+", "otosense": "OtoSense"}
OLD_MS = 60_000
FULL = 0.8
RECENT_MS = 60_000
MOST_NAMED = 8
MEANINGS = {
    "future_time": "Times lie ahead of the bus's clock: a publisher's clock is wrong, or the times are not in ms.",
    "invalid_time": "Times lie before the year 2000: a publisher's clock is wrong, or the times are not in ms.",
    "out_of_order": "Thing+ has newer readings of these sensors: a publisher's clock went back, or it sends late.",
    "refused": "Thing+ refuses these readings. Each dead letter has its words.",
    "unknown_sensor": "Nobody registered these sensors, or Thing+ no longer has them.",
    "unknown_gateway": "Nobody registered these gateways, or Thing+ no longer has them.",
    "retired_sensor": "These sensors were retired, and somebody still publishes for them.",
    "invalid_body": "A publisher sends what is not a reading.",
    "invalid_value": "A publisher sends values that are none.",
    "invalid_subject": "A publisher publishes to subjects that the contract does not have.",
    "retries_exhausted": "These sensors kept failing while others got through.",
    "unverified": "After a failure Thing+ could not be asked what it has.",
}
"""Of reasons of dead letters."""


@dataclass(frozen=True, slots=True)
class Trouble:
    level: Level
    what: str
    why: str = ""
    then: str = ""
    """What to do."""


def troubles(seen: Snapshot) -> list[Trouble]:
    found = [*_telemetry(seen), *_tokens(seen)]
    return sorted(found, key=lambda trouble: ORDER.index(trouble.level))


def _telemetry(seen: Snapshot) -> Iterator[Trouble]:
    if seen.state is None:
        why = _words(seen.state_problem)
        yield Trouble(
            "stopped",
            "Telemetry does not answer. Readings wait in the stream.",
            why,
            "Check that it runs, and its log.",
        )
        return
    yield from _paused(seen.state)
    yield from _breakers(seen.state, seen.unix_ms)
    yield from _lanes(seen.state)
    yield from _owners(seen.state)
    yield from _ages(seen.state)
    yield from _dead(seen.state)
    yield from _died(seen)


def _paused(state: State) -> Iterator[Trouble]:
    if any(pause.gateway is None for pause in state.paused):
        reason = next(pause.reason for pause in state.paused if pause.gateway is None)
        yield Trouble(
            "stopped", "An operator has paused everything that is sent to Thing+.", reason, "Resume it below."
        )
    elif state.paused:
        what = f"Operators have paused {len(state.paused)} gateways or sensors."
        yield Trouble("warning", what, "", "They are listed below.")


def _breakers(state: State, now_ms: int) -> Iterator[Trouble]:
    for replica in state.replicas:
        last = max(replica.failures, key=lambda failure: failure.at, default=None)
        why = replica.breaker_cause or (last.what if last else "")
        if replica.breaker == "open":
            what = f"Replica {replica.replica} has stopped sending to Thing+: most of its sensors fail."
            yield Trouble(
                "stopped", what, why, "Readings wait in the stream; none is lost. It retries by itself."
            )
        elif replica.breaker == "half_open":
            what = f"Replica {replica.replica} is checking whether Thing+ works again."
            yield Trouble("failing", what, why, "Nothing to do: it continues by itself.")
        elif last and now_ms - last.at < RECENT_MS:
            yield Trouble(
                "warning", f"Some requests of replica {replica.replica} failed.", why, "They are retried."
            )


def _lanes(state: State) -> Iterator[Trouble]:
    failing = sum(replica.failing_lanes for replica in state.replicas)
    absent = sum(replica.unregistered_lanes for replica in state.replicas)
    unstored = sum(replica.dead_letters_unstored for replica in state.replicas)
    if unstored:
        what = f"{unstored} dead letters cannot be stored. Their messages stay in the stream."
        yield Trouble("failing", what, "FERRY_DEAD may be full.", "Replay or discard dead letters.")
    if failing:
        then = (
            "They are retried in order. If a sensor keeps failing while others get through, its readings become "
            "dead letters, retries_exhausted."
        )
        which, why = _which(state, "failing", failing)
        yield Trouble("warning", f"The requests of {_sensors(failing)} fail{which}.", why, then)
    if absent:
        then = "Register them, or their readings become dead letters, unknown_sensor, when the grace period ends."
        which, _ = _which(state, "unregistered", absent)
        yield Trouble("warning", f"{_sensors(absent)} that publish are not in the registry{which}.", "", then)


def _sensors(count: int) -> str:
    return "1 sensor" if count == 1 else f"{count} sensors"


def _which(state: State, kind: str, count: int) -> tuple[str, str]:
    """Their names, as many as are known and fit, and the words of the first."""
    known = [one for replica in state.replicas for one in replica.troubles if one.kind == kind]
    names = [f"{one.gateway} / {one.sensor or 'its status'}" for one in known[:MOST_NAMED]]
    if not names:
        return "", ""
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return f": {', '.join(names)}{more}", known[0].detail


def _owners(state: State) -> Iterator[Trouble]:
    free = [part.partition for part in state.partitions if part.owner is None]
    if free:
        named = ", ".join(str(number) for number in free[:MOST_NAMED])
        more = f" and {len(free) - MOST_NAMED} more" if len(free) > MOST_NAMED else ""
        what = f"No replica reads partition {named}{more}. Readings wait in the stream."
        yield Trouble(
            "stopped", what, "", "A takeover lasts up to 15 s. After that, check that telemetry runs."
        )


def _ages(state: State) -> Iterator[Trouble]:
    aged = [(part.oldest_age_ms or 0, part.partition) for part in state.partitions]
    age_ms, partition = max(aged, default=(0, 0))
    if age_ms >= OLD_MS:
        what = f"The oldest reading has waited {age_ms // 1000} s, in partition {partition}."
        yield Trouble("failing", what, "", "Check what fails below, and the partition's owner.")


def _dead(state: State) -> Iterator[Trouble]:
    if state.dead_max_bytes > 0 and state.dead_bytes / state.dead_max_bytes >= FULL:
        full = round(100 * state.dead_bytes / state.dead_max_bytes)
        what = f"The dead letters are {full} % full."
        yield Trouble(
            "failing",
            what,
            "Once the stream is full, bad readings stay in FERRY_READINGS.",
            "Replay or discard some.",
        )


def _died(seen: Snapshot) -> Iterator[Trouble]:
    """One for each reason, the most frequent first."""
    for reason, count in sorted(seen.died.items(), key=lambda one: -one[1]):
        letters = "1 message became a dead letter" if count == 1 else f"{count} messages became dead letters"
        then = "Look at the dead letters. When the cause is gone, replay them."
        what = f"{letters} within the last minutes: {reason}."
        yield Trouble("failing", what, MEANINGS.get(reason, ""), then)


def _tokens(seen: Snapshot) -> Iterator[Trouble]:
    if seen.tokens is None:
        why = _words(seen.tokens_problem)
        yield Trouble(
            "failing",
            "Auth does not answer. Tokens are not renewed.",
            why,
            "Check that it runs, and its log.",
        )
        return
    yield from _clouds(seen.tokens)


def _clouds(state: AuthState) -> Iterator[Trouble]:
    for cloud in state.clouds:
        title, why = TITLES.get(cloud.cloud, cloud.cloud), cloud.detail or ""
        if cloud.state == "refused":
            then = cloud.hint or "Put the right credentials into auth's secrets."
            yield Trouble("stopped", f"{title} refuses the credentials.", why, then)
        elif cloud.state in {"unavailable", "bad_answer"}:
            then = cloud.hint or "Auth retries by itself."
            yield Trouble("failing", f"{title} gives no token.", why, then)
        elif cloud.state == "unconfigured":
            yield Trouble("warning", f"{title} is not configured.", why, cloud.hint or "")


def _words(problem: Problem | None) -> str:
    return ": ".join(part for part in (problem.title, problem.detail) if part) if problem else ""
