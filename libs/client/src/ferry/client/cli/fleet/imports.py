"""`ferry import`."""

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ferry.client.bus import Bus
from ferry.client.cli.running import on_bus
from ferry.client.cli.terminal import as_json, console, print_json, say
from ferry.client.fleet.importing import import_all
from ferry.contract import subjects
from ferry.contract.registry import GatewayList, Imported, ListRequest

SHOWN = 20


@click.command("import")
@click.option("--gateway", help="Only this gateway, by its id.")
@click.option("--restart", is_flag=True, help="Start over instead of resuming an interrupted import.")
@as_json
def import_(gateway: str | None, restart: bool, as_json: bool) -> None:
    """Import what was registered through the portal.

    What was deleted there is marked as deleted.

    Safe to interrupt: run again within an hour, it resumes.
    """
    done = _import(gateway, restart=restart)
    if as_json:
        print_json(done)
        return
    if done.resumed:
        say("resumed an interrupted import")
    say(f"imported: {_counted(done)}")
    _show_some("deleted at the portal", done.deleted)
    _show_some("left out", done.unreadable)


def _import(gateway: str | None, *, restart: bool) -> Imported:
    columns = (SpinnerColumn(), TextColumn("importing: {task.description}"), TimeElapsedColumn())
    screen = console()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("asking the cloud", total=None)

        def tell(total: Imported) -> None:
            pause = f", the cloud asks for a pause of {total.retry_after:g} s" if total.retry_after else ""
            progress.update(task, description=f"{_counted(total)} new or changed{pause}")

        async def work(bus: Bus) -> Imported:
            # Without a registry it is said at once: the import's own patience is for one that restarts.
            await bus.ask(subjects.REGISTRY_GATEWAYS_LIST, ListRequest(limit=1), GatewayList)
            return await import_all(bus, tell, gateway=gateway, restart=restart)

        try:
            return on_bus(work)
        except KeyboardInterrupt:
            say("stopped: run the same command again to continue", err=True)
            raise


def _counted(done: Imported) -> str:
    return f"{done.gateways} gateways, {done.devices} devices, {done.sensors} sensors"


def _show_some(what: str, which: list[str]) -> None:
    for words in which[:SHOWN]:
        say(f"  {what}: {words}", err=True)
    if len(which) > SHOWN:
        say(f"  {what}: … and {len(which) - SHOWN} more", err=True)
