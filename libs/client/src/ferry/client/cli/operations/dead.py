"""`ferry dead`: list dead letters, replay or discard them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
from pydantic import ValidationError

from ferry.client.bus import Bus
from ferry.client.cli.running import on_bus
from ferry.client.cli.terminal import (
    as_json,
    ask_first,
    fail,
    moment,
    print_fields,
    print_json,
    print_table,
    say,
)
from ferry.contract import subjects
from ferry.contract.dead import Reason
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import DeadChoice, DeadCount, DeadDone, DeadFilter, DeadId, DeadLetter, DeadList

REASONS = [reason.value for reason in Reason]
TIME = "UTC, such as 2026-11-25 or 2026-11-25T14:30:00"


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    when = click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"])
    for option in (
        click.option("--until", type=when, metavar="TIME", help=f"Not later than this; {TIME}."),
        click.option("--since", type=when, metavar="TIME", help=f"Not earlier than this; {TIME}."),
        click.option("--sensor", help="Only of this sensor."),
        click.option("--gateway", help="Only of this gateway."),
        click.option(
            "--reason",
            type=click.Choice(REASONS),
            metavar="REASON",
            help=f"Only for this reason: {', '.join(REASONS)}.",
        ),
    ):
        command = option(command)
    return command


def _chosen(**given: Any) -> dict[str, Any]:
    for name in ("since", "until"):
        if isinstance(given.get(name), datetime):
            given[name] = int(given[name].replace(tzinfo=UTC).timestamp() * 1000)
    return {name: value for name, value in given.items() if value is not None}


@click.group()
def dead() -> None:
    """Look at dead letters, replay or discard them."""


@dead.command("list")
@_filters
@click.option("--after", type=int, default=0, help="Continue after this id.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Entries per page."
)
@as_json
def list_(as_json: bool, **given: Any) -> None:
    """List dead letters, oldest first."""
    wanted = _parse(DeadFilter, given)

    async def work(bus: Bus) -> DeadList:
        found = await bus.ask(subjects.TELEMETRY_DEAD_LIST, wanted, DeadList)
        while not found.items and found.next is not None:  # nothing matched in the time of one request
            rest = wanted.model_copy(update={"after": found.next})
            found = await bus.ask(subjects.TELEMETRY_DEAD_LIST, rest, DeadList)
        return found

    found = on_bus(work)
    if as_json:
        print_json(found)
        return
    if not found.items:
        say("no dead letters")
        return
    print_table(
        ("id", "died", "reason", "gateway", "sensor", "detail"),
        (
            (letter.id, moment(letter.dead_at), letter.reason, letter.gateway, letter.sensor, letter.detail)
            for letter in found.items
        ),
    )
    if found.next is not None:
        say(f"more: --after {found.next}")


@dead.command()
@_filters
@as_json
def count(as_json: bool, **given: Any) -> None:
    """Count dead letters, by reason."""
    wanted = _parse(DeadFilter, given)

    async def work(bus: Bus) -> DeadCount:
        return await bus.ask(subjects.TELEMETRY_DEAD_COUNT, wanted, DeadCount)

    counted = on_bus(work)
    if as_json:
        print_json(counted)
        return
    print_table(("reason", "dead letters"), sorted(counted.by_reason.items()))
    say(
        f"{counted.total} in all"
        if counted.complete
        else f"at least {counted.total}: there are too many to count"
    )


@dead.command()
@click.argument("id", type=int)
@as_json
def show(id: int, as_json: bool) -> None:  # noqa: A002 - the option's name
    """Show one dead letter with its body."""

    async def work(bus: Bus) -> DeadLetter:
        return await bus.ask(subjects.TELEMETRY_DEAD_GET, DeadId(id=id), DeadLetter)

    letter = on_bus(work)
    if as_json:
        print_json(letter)
        return
    fields = letter.model_dump(by_alias=True, exclude_none=True)
    print_fields((name, moment(value) if name.endswith("At") else value) for name, value in fields.items())


@dead.command()
@click.argument("id", type=int, required=False)
@_filters
@click.option("--all", is_flag=True, help="All that match; required if there is no filter.")
@as_json
def replay(as_json: bool, **given: Any) -> None:
    """Publish dead letters again, unchanged."""
    _do(subjects.TELEMETRY_DEAD_REPLAY, "replayed", as_json, given)


@dead.command()
@click.argument("id", type=int, required=False)
@_filters
@click.option("--all", is_flag=True, help="All that match; required if there is no filter.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def discard(as_json: bool, yes: bool, **given: Any) -> None:
    """Delete dead letters permanently."""
    if not yes and not ask_first("Delete these dead letters permanently?"):
        raise click.Abort
    _do(subjects.TELEMETRY_DEAD_DISCARD, "discarded", as_json, given)


def _do(subject: str, done_word: str, as_json: bool, given: dict[str, Any]) -> None:
    choice = _parse(DeadChoice, given)

    async def work(bus: Bus) -> tuple[int, int]:
        done, failed, after = 0, 0, choice.after
        while True:
            page = choice.model_copy(update={"after": after})
            answer = await bus.ask(subject, page, DeadDone)
            done += answer.done
            failed += answer.failed
            if answer.next is None:
                return done, failed
            after = answer.next

    done, failed = on_bus(work)
    if as_json:
        print_json({"done": done, "failed": failed})
    else:
        say(f"{done} {done_word}" + (f", {failed} not: see `ferry dead list`" if failed else ""))


def _parse(model: type[DeadFilter], given: dict[str, Any]) -> Any:
    try:
        return model.model_validate(_chosen(**given))
    except ValidationError as error:
        fail(ProblemError.invalid(error))
