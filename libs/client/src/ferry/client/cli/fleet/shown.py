"""A plan, its result, and the mistakes of a file, as text."""

from collections.abc import Iterable
from itertools import islice

from ferry.client.cli.fleet.names import Names
from ferry.client.cli.terminal import say
from ferry.client.fleet.apply.applying import Applied
from ferry.client.fleet.file.mistakes import MistakesError
from ferry.client.fleet.hints import hints
from ferry.client.fleet.plan import Change, Plan, Retirement
from ferry.client.fleet.planning import Planned
from ferry.contract.problems import ProblemError

SHOWN = 20
SHOWN_MISTAKES = 100
SHOWN_HINTS = 3


def show_mistakes(error: MistakesError) -> None:
    lines = error.lines()
    for line in lines[:SHOWN_MISTAKES]:
        say(line, err=True)
    more = f", {len(lines) - SHOWN_MISTAKES} of them not shown" if len(lines) > SHOWN_MISTAKES else ""
    say(f"ferry: {error.problem.title}{more}", err=True)


def show_plan(found: Planned, *, prune: bool) -> None:
    plan, names = found.plan, Names(found)
    for one in plan.create[:SHOWN]:
        again = ", which was deleted at the portal, will be registered again" if one in plan.again else ""
        say(f"+ {one.noun} {names.of(one)}{_id(one.id)}{again}", color="green")
    _say_more(len(plan.create), "to register")
    for change in plan.change[:SHOWN]:
        say(f"~ {_changed(change, names)}", color="yellow")
    _say_more(len(plan.change), "to change")
    for change in plan.fixed[:SHOWN]:
        say(f"! {_changed(change, names)}: cannot be changed: it would be another entity", color="red")
    _say_more(len(plan.fixed), "that cannot be changed")
    for gone in plan.retire[:SHOWN]:
        entity = gone.entity
        say(f"- {gone.noun} {names.of(entity)}{_id(entity.id)}{_along(gone)} is not declared", color="red")
    _say_more(len(plan.retire), "that are not declared")
    for hint in islice(hints(plan), SHOWN_HINTS):
        say(f"  hint: {hint}")
    say(f"Plan: {_sum(plan, prune=prune)}")


def _sum(plan: Plan, *, prune: bool) -> str:
    again = f" ({len(plan.again)} again: deleted at the portal)" if plan.again else ""
    fixed = f"{len(plan.fixed)} cannot be changed, " if plan.fixed else ""
    retire = f"{plan.retired} to retire" if prune else f"{plan.retired} not declared"
    hint = " (--prune retires them)" if plan.retire and not prune else ""
    return (
        f"{len(plan.create)} to register{again}, {len(plan.change)} to change, {fixed}"
        f"{retire}{hint}, {len(plan.same)} unchanged."
    )


def question(plan: Plan, *, prune: bool) -> str:
    parts = []
    if plan.create:
        parts.append(f"register {len(plan.create)}")
    if plan.change:
        parts.append(f"change {len(plan.change)}")
    if prune and plan.retire:
        parts.append(
            f"retire {plan.retired} ({_counted(plan.retire)}; Thing+ deletes them and their readings)"
        )
    asked = " and ".join(parts)
    return f"{asked[:1].upper()}{asked[1:]}?"


def _counted(retirements: Iterable[Retirement]) -> str:
    counts = {"gateway": 0, "device": 0, "sensor": 0}
    for one in retirements:
        counts[one.noun] += 1
        counts["device"] += one.devices
        counts["sensor"] += one.sensors
    return ", ".join(f"{count} {noun}{'s' if count > 1 else ''}" for noun, count in counts.items() if count)


def show_applied(plan: Plan, done: Applied) -> None:
    counts = {
        "registered": done.created,
        **({"changed": done.changed} if plan.change else {}),
        **({"retired": done.retired} if plan.retire else {}),
        "were there": len(plan.same),
        "failed": len(done.failed),
    }
    skipped = f", {done.skipped} not attempted because what they depend on failed" if done.skipped else ""
    say(", ".join(f"{count} {what}" for what, count in counts.items()) + skipped)
    _show_failed(done)


def _show_failed(done: Applied) -> None:
    """Alike failures are one line: a fleet's thousand sensors of one wrong type are one mistake."""
    alike: dict[str, list[str]] = {}
    for one in done.failed:
        alike.setdefault(_in_words(one.error), []).append(f"{one.noun} {one.name}{_id(one.id)}")
    for words, which in islice(alike.items(), SHOWN):
        more = f" and {len(which) - 1} more" if len(which) > 1 else ""
        say(f"  {which[0]}{more}: {words}", err=True)


def _changed(change: Change, names: Names) -> str:
    fields = [
        f"{name} {there!r} → {ours!r}" for name, (there, ours) in change.fields.items() if name != "deviceId"
    ]
    if "deviceId" in change.fields and change.wanted.parent is not None:
        fields.append(f"device {names.device_of(change.entity)!r} → {change.wanted.parent.name!r}")
    return f"{change.wanted.noun} {names.of(change.entity)}{_id(change.entity.id)}: {', '.join(fields)}"


def _along(one: Retirement) -> str:
    parts = [("device", one.devices), ("sensor", one.sensors)]
    told = [f"{count} {noun}{'s' if count > 1 else ''}" for noun, count in parts if count]
    return f" with {' and '.join(told)}" if told else ""


def _id(entity: str | None) -> str:
    return f" ({entity})" if entity else ""


def _say_more(count: int, what: str) -> None:
    if count > SHOWN:
        say(f"  … and {count - SHOWN} more {what}")


def _in_words(error: ProblemError) -> str:
    allowed = error.problem.allowed
    return f"{error}; allowed: {', '.join(allowed)}" if allowed else str(error)
