"""`ferry status`: every service, what is waiting, and the state of the clouds."""

from datetime import UTC, datetime

import click

from ferry.client.bus import Bus
from ferry.client.cli.exits import Exit
from ferry.client.cli.operations.delivery import show_delivery
from ferry.client.cli.running import on_bus
from ferry.client.cli.terminal import as_json, print_json, print_table, say
from ferry.client.overview import Overview, seen
from ferry.client.services import NAMES, Instance
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import DeadCount, State


@click.command()
@as_json
def status(as_json: bool) -> None:
    """Show services, what is waiting, and the clouds. Exit code 1 if a service does not answer."""

    async def work(bus: Bus) -> Overview:
        return await seen(bus)

    found = on_bus(work)
    if as_json:
        print_json(_plain(found))
    else:
        _show(found)
    raise SystemExit(Exit.FAILED if any(found.why_silent(name) for name in NAMES) else 0)


def _show(found: Overview) -> None:
    print_table(
        ("service", "version", "replicas", "up for", "requests", "errors", "state"),
        [_row(found, name) for name in found.names],
    )
    for one in [] if isinstance(found.instances, ProblemError) else found.instances:
        if one.last_error:
            say(f"{one.service}: last error of a request: {one.last_error}")
    if isinstance(found.telemetry, State):
        say()
        show_delivery(found.telemetry, found.dead if isinstance(found.dead, DeadCount) else None)


def _row(found: Overview, name: str) -> tuple[object, ...]:
    instances = found.of(name)
    if silent := found.why_silent(name):
        return (name, "", "", "", "", "", silent)
    return (
        name,
        ", ".join(sorted({one.version for one in instances})) or "?",
        len(instances) or "?",
        _up_for(instances),
        sum(one.requests for one in instances),
        sum(one.errors for one in instances),
        _state(found, name),
    )


def _state(found: Overview, name: str) -> str:
    told = {"auth": found.auth, "telemetry": found.telemetry}.get(name)
    if isinstance(told, ProblemError):
        return str(told)
    if isinstance(told, State):
        waiting = f"{told.waiting} waiting, {told.dead} dead letters"
        open_ = sum(replica.breaker != "closed" for replica in told.replicas)
        return f"circuit breaker open in {open_}; {waiting}" if open_ else waiting
    if told is not None:
        return "; ".join(
            f"{cloud.cloud} {cloud.state.replace('_', ' ')}" + (f" ({cloud.detail})" if cloud.detail else "")
            for cloud in told.clouds
        )
    return "answers"


def _up_for(instances: list[Instance]) -> str:
    """Since the youngest started: what restarts again and again is seen."""
    started = [one.started for one in instances if one.started]
    if not started:
        return ""
    youngest = max(one if one.tzinfo else one.replace(tzinfo=UTC) for one in started)
    return in_words(max(0, int((datetime.now(UTC) - youngest).total_seconds())))


def in_words(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _plain(found: Overview) -> dict[str, object]:
    return {
        "services": [
            {
                "name": name,
                "answers": found.why_silent(name) is None,
                "why": found.why_silent(name),
                "replicas": [
                    {
                        "id": one.id,
                        "version": one.version,
                        "started": one.started.isoformat() if one.started else None,
                        "requests": one.requests,
                        "errors": one.errors,
                        "lastError": one.last_error,
                    }
                    for one in found.of(name)
                ],
            }
            for name in found.names
        ],
        "auth": _answer(found.auth),
        "telemetry": _answer(found.telemetry),
    }


def _answer(said: object) -> object:
    return {"problem": said.problem.model_dump(exclude_none=True)} if isinstance(said, ProblemError) else said
