"""`ferry plan`, `apply`, `validate`, `export`, `schema`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ferry.client.bus import Bus
from ferry.client.cli.exits import Exit
from ferry.client.cli.fleet import plain, shown
from ferry.client.cli.running import in_words, on_bus
from ferry.client.cli.terminal import as_json, ask_first, console, print_json, print_text, safe, say
from ferry.client.fleet.apply import applying
from ferry.client.fleet.apply.applying import Applied
from ferry.client.fleet.file import write
from ferry.client.fleet.file.declared import FleetFile
from ferry.client.fleet.file.declared import schema as file_schema
from ferry.client.fleet.file.mistakes import MistakesError
from ferry.client.fleet.file.read import read
from ferry.client.fleet.plan import Plan
from ferry.client.fleet.planning import Planned, check_offline, planned
from ferry.client.fleet.registered import registered
from ferry.client.fleet.wanted import Fleet

R = TypeVar("R")
_file = click.argument("file", type=click.Path(path_type=Path))
_target = click.option(
    "--target",
    "targets",
    multiple=True,
    help="Only this gateway, gateway/device or gateway/device/sensor, by ids or names, and everything below it.",
)


@click.command()
@_file
@as_json
def validate(file: Path, as_json: bool) -> None:
    """Check a fleet file offline. Exit code 0: no mistakes."""

    def work() -> Fleet:
        fleet = read(file)
        check_offline(fleet)
        return fleet

    fleet = _without_mistakes(work, as_json)
    counts = {f"{noun}s": sum(1 for _ in fleet.each(noun)) for noun in ("gateway", "device", "sensor")}
    if as_json:
        print_json({"file": str(file), "mistakes": [], **counts})
    else:
        say(f"{file}: {', '.join(f'{noun}: {count}' for noun, count in counts.items())}")


@click.command()
@_file
@click.option("--prune", is_flag=True, help="Include the retirement of what the file does not declare.")
@_target
@as_json
def plan(file: Path, prune: bool, targets: tuple[str, ...], as_json: bool) -> None:
    """Show what apply would change. Exit code 0: nothing; 2: something.

    `+` will be registered, `~` changed, `-` is not declared and retired by `apply --prune`, `!` cannot be changed.
    """
    found = _planned(file, targets, as_json)
    if as_json:
        print_json(plain.plan(found))
    else:
        shown.show_plan(found, prune=prune)
    sys.exit(Exit.CHANGES if found.plan.does_something(prune=prune) or found.plan.fixed else 0)


@click.command()
@_file
@click.option("--prune", is_flag=True, help="Retire what is registered but not declared in the file.")
@_target
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--at-once",
    type=click.IntRange(1, 256),
    default=64,
    show_default=True,
    help="Maximum concurrent requests.",
)
@as_json
def apply(file: Path, prune: bool, targets: tuple[str, ...], yes: bool, at_once: int, as_json: bool) -> None:
    """Register what the file declares, and change what differs.

    Safe to interrupt: run it again to finish.
    """
    found = _planned(file, targets, as_json)
    if not as_json:
        shown.show_plan(found, prune=prune)
    done = Applied()
    if found.plan.does_something(prune=prune):
        if not yes and not ask_first(shown.question(found.plan, prune=prune)):
            sys.exit(Exit.FAILED)
        done = _apply(found.plan, at_once, prune=prune)
    if as_json:
        print_json(plain.applied(done, found.plan))
    else:
        shown.show_applied(found.plan, done)
    sys.exit(Exit.FAILED if done.failed or done.skipped or found.plan.fixed else 0)


@click.command()
@click.option("--csv", "as_csv", is_flag=True, help="CSV with one row per sensor, for spreadsheets.")
@as_json
def export(as_csv: bool, as_json: bool) -> None:
    """Write a fleet file of what is registered."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    fleet = write.declared(on_bus(registered))
    if as_json:
        print_json(fleet)
        return
    _print_document(write.as_csv(fleet) if as_csv else _yaml(fleet))


@click.command()
def schema() -> None:
    """Print the JSON Schema of fleet.yaml, for editors."""
    print_text(json.dumps(file_schema(), indent=2))


def _planned(file: Path, targets: tuple[str, ...], as_json: bool) -> Planned:
    fleet = _without_mistakes(lambda: read(file), as_json)

    async def work(bus: Bus) -> Planned | MistakesError:
        try:
            return await planned(bus, fleet, targets)
        except MistakesError as error:
            return error

    try:
        found = on_bus(work)
    except (
        SystemExit
    ):  # the report has both why the bus could not be asked and what is wrong without asking it
        _without_mistakes(lambda: check_offline(fleet), as_json)
        raise
    if isinstance(found, MistakesError):
        _fail(found, as_json)
    return found


def _without_mistakes(work: Callable[[], R], as_json: bool) -> R:
    def noted() -> R | MistakesError:
        try:
            return work()
        except MistakesError as error:
            return error

    found = in_words(noted)
    if isinstance(found, MistakesError):
        _fail(found, as_json)
    return found


def _fail(error: MistakesError, as_json: bool) -> NoReturn:
    if as_json:
        print_json(plain.mistakes(error))
    shown.show_mistakes(error)
    sys.exit(Exit.FAILED)


def _apply(found: Plan, at_once: int, *, prune: bool) -> Applied:
    columns: tuple[Any, ...] = (
        TextColumn("applying"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    screen = console()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("", total=applying.items(found, prune=prune))

        async def work(bus: Bus) -> Applied:
            return await applying.apply(
                bus, found, at_once, lambda ended: progress.advance(task, ended), prune=prune
            )

        try:
            return on_bus(work)
        except KeyboardInterrupt:
            say("stopped: run the same command again to continue", err=True)
            raise


def _yaml(fleet: FleetFile) -> str:
    """With escapes in quotes where a character could steer a terminal: the file means the same."""
    text = write.as_yaml(fleet)
    return (
        text
        if all(safe(line) == line for line in text.split("\n"))
        else write.as_yaml(fleet, ascii_only=True)
    )


def _print_document(text: str) -> None:
    """As it is into a file or a pipe, always UTF-8; for a person without what could steer a terminal."""
    if sys.stdout.isatty():
        print_text(text)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
