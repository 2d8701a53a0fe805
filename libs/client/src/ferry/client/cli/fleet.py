"""`ferry plan`, `apply`, `import`, `export`: the fleet as one file."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ferry.client import fleet_apply, fleet_export, fleet_file, fleet_plan, fleet_sites
from ferry.client.bus import Bus
from ferry.client.cli.running import on_bus
from ferry.client.cli.terminal import as_json, ask_first, console, fail, print_json, print_text, say
from ferry.client.fleet_apply import Applied
from ferry.client.fleet_file import Fleet
from ferry.client.fleet_plan import Plan, key
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Imported, ImportRequest

SHOWN = 20
CHANGES, FAILED = 2, 1
_file = click.argument("file", type=click.Path(path_type=Path))


def _read(file: Path) -> Fleet:
    try:
        return fleet_file.read(file)
    except ProblemError as error:
        fail(error)


def _planned(fleet: Fleet) -> Plan:
    async def work(bus: Bus) -> Plan:
        placed = await fleet_sites.placed(bus, fleet)
        return fleet_plan.compare(placed, await fleet_plan.registered(bus))

    return on_bus(work)


@click.command()
@_file
@as_json
def plan(file: Path, as_json: bool) -> None:
    """Show what apply would change. Exit code 0: nothing, 2: something."""
    found = _planned(_read(file))
    if as_json:
        print_json(_plain(found))
    else:
        _show(found)
    sys.exit(CHANGES if found.create or found.differ else 0)


@click.command()
@_file
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--at-once", type=click.IntRange(1, 256), default=64, show_default=True, help="Most requests at a time."
)
@as_json
def apply(file: Path, yes: bool, at_once: int, as_json: bool) -> None:
    """Register what the file declares and the registry lacks. Stopped anywhere and run again, it finishes."""
    found = _planned(_read(file))
    if not as_json:
        _show(found)
    if found.create and not yes and not ask_first("Register these?"):
        sys.exit(FAILED)
    done = _apply(found, at_once) if found.create else Applied()
    if as_json:
        print_json(_outcome(found, done))
    else:
        say(
            f"{done.created} registered, {found.same} were there, {len(done.failed)} failed"
            + (f", {done.skipped} not tried as what they belong to failed" if done.skipped else "")
        )
        _show_failed(done)
    sys.exit(FAILED if done.failed or found.differ else 0)


def _outcome(found: Plan, done: Applied) -> dict[str, Any]:
    failed = [
        {"noun": noun, **_shown(asked), "problem": error.problem.model_dump(exclude_none=True)}
        for noun, asked, error in done.failed
    ]
    counts = {"created": done.created, "same": found.same, "differ": len(found.differ)}
    return {**counts, "skipped": done.skipped, "failed": failed}


def _show_failed(done: Applied) -> None:
    """Alike failures are one line: a fleet's thousand sensors of one wrong type are one mistake."""
    alike: dict[str, list[str]] = {}
    for noun, asked, error in done.failed:
        alike.setdefault(_in_words(error), []).append(f"{noun} {asked.req_id}")
    for words, which in list(alike.items())[:SHOWN]:
        more = f" and {len(which) - 1} more" if len(which) > 1 else ""
        say(f"  {which[0]}{more}: {words}", err=True)


def _in_words(error: ProblemError) -> str:
    allowed = error.problem.allowed
    return f"{error}; allowed: {', '.join(allowed)}" if allowed else str(error)


def _shown(asked: BaseModel) -> dict[str, Any]:
    return asked.model_dump(exclude={"devices", "sensors"}, exclude_none=True, by_alias=True)


def _apply(found: Plan, at_once: int) -> Applied:
    columns = (TextColumn("registering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as progress:
        task = progress.add_task("", total=len(found.create))

        async def work(bus: Bus) -> Applied:
            return await fleet_apply.apply(bus, found, at_once, lambda ended: progress.advance(task, ended))

        try:
            return on_bus(work)
        except KeyboardInterrupt:
            say("stopped: the same command goes on from here", err=True)
            raise


@click.command("import")
@click.option("--gateway", help="Only this gateway.")
@as_json
def import_(gateway: str | None, as_json: bool) -> None:
    """Take over what was registered through the portal, and note what was deleted there."""
    done = on_bus(lambda bus: _take_over(bus, gateway))
    if as_json:
        print_json(done)
        return
    say(f"taken over: {done.gateways} gateways, {done.devices} devices, {done.sensors} sensors")
    _show_some("deleted at the portal", done.deleted)
    _show_some("left out", done.unreadable)


def _show_some(what: str, which: list[str]) -> None:
    for words in which[:SHOWN]:
        say(f"  {what}: {words}", err=True)
    if len(which) > SHOWN:
        say(f"  {what}: … and {len(which) - SHOWN} more", err=True)


async def _take_over(bus: Bus, gateway: str | None) -> Imported:
    total = Imported()
    after: str | None = None
    while True:
        asked = ImportRequest(gateway=gateway, after=after)
        part = await bus.ask(subjects.REGISTRY_CLOUD_IMPORT, asked, Imported)
        total = Imported(
            gateways=total.gateways + part.gateways,
            devices=total.devices + part.devices,
            sensors=total.sensors + part.sensors,
            unreadable=total.unreadable + part.unreadable,
            deleted=total.deleted + part.deleted,
        )
        if part.next is None:
            return total
        after = part.next


@click.command()
def export() -> None:
    """Write the file that declares what is registered."""
    print_text(fleet_file.write(fleet_export.declared(on_bus(fleet_plan.registered))))


@click.command()
def schema() -> None:
    """Print the JSON Schema of fleet.yaml, for editors."""
    print_text(json.dumps(fleet_file.schema(), indent=2))


def _show(found: Plan) -> None:
    for noun, asked in found.create[:SHOWN]:
        again = " was deleted at the portal, and comes again" if key(asked) in found.deleted else ""
        say(f"+ {noun} {asked.req_id} {asked.name!r}{again}", color="green")
    if len(found.create) > SHOWN:
        say(f"  … and {len(found.create) - SHOWN} more to register")
    for difference in found.differ[:SHOWN]:
        changes = ", ".join(
            f"{name}: {there!r} → {ours!r}" for name, (ours, there) in difference.fields.items()
        )
        say(
            f"~ {difference.noun} {difference.id} {changes} (registered entities are not changed)",
            color="yellow",
        )
    for noun, entity in found.unknown[:SHOWN]:
        say(f"? {noun} {entity.id} {entity.name!r} is registered, the file does not declare it")
    if len(found.unknown) > SHOWN:
        say(f"  … and {len(found.unknown) - SHOWN} more")
    again = f" ({len(found.deleted)} again: deleted at the portal)" if found.deleted else ""
    say(
        f"Plan: {len(found.create)} to register{again}, {len(found.differ)} differ, "
        f"{len(found.unknown)} unknown to the file, {found.same} unchanged."
    )


def _plain(found: Plan) -> dict[str, Any]:
    return {
        "create": [
            {"noun": noun, **_shown(asked), "deleted": key(asked) in found.deleted}
            for noun, asked in found.create
        ],
        "differ": [
            {
                "noun": one.noun,
                "id": one.id,
                "fields": {name: list(pair) for name, pair in one.fields.items()},
            }
            for one in found.differ
        ],
        "unknown": [{"noun": noun, "id": entity.id} for noun, entity in found.unknown],
        "same": found.same,
    }
