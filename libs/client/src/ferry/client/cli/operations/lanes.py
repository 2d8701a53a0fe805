"""`ferry lanes`: pause and resume delivery of sensors and gateways."""

import click

from ferry.client.bus import Bus
from ferry.client.cli.running import in_words, on_bus
from ferry.client.cli.terminal import as_json, ask_first, moment, print_json, print_table, say
from ferry.contract import subjects
from ferry.contract.telemetry import PauseLanes, Pauses, ResumeLanes, State, StateRequest


@click.group()
def lanes() -> None:
    """Pause readings of sensors or gateways, and resume them."""


@lanes.command()
@click.argument("gateway", required=False)
@click.argument("sensor", required=False)
@click.option("--all", "everything", is_flag=True, help="Every gateway.")
@click.option("--reason", default="", help="Shown with the pause in the status.")
@click.option("--yes", is_flag=True, help="Do not ask before everything is paused.")
@as_json
def pause(
    gateway: str | None, sensor: str | None, everything: bool, reason: str, yes: bool, as_json: bool
) -> None:
    """Keep readings in the stream until they are resumed.

    Nothing is lost while the stream has room.
    """
    if everything and not yes and not ask_first("Pause every gateway?"):
        raise click.Abort
    asked = in_words(lambda: PauseLanes(gateway=gateway, sensor=sensor, all=everything, reason=reason))

    async def work(bus: Bus) -> Pauses:
        return await bus.ask(subjects.TELEMETRY_LANES_PAUSE, asked, Pauses)

    _show(on_bus(work), as_json)


@lanes.command()
@click.argument("gateway", required=False)
@click.argument("sensor", required=False)
@click.option("--all", "everything", is_flag=True, help="What was paused with --all.")
@as_json
def resume(gateway: str | None, sensor: str | None, everything: bool, as_json: bool) -> None:
    """Resume delivery, starting with what has waited."""
    asked = in_words(lambda: ResumeLanes(gateway=gateway, sensor=sensor, all=everything))

    async def work(bus: Bus) -> Pauses:
        return await bus.ask(subjects.TELEMETRY_LANES_RESUME, asked, Pauses)

    _show(on_bus(work), as_json)


@lanes.command("list")
@as_json
def list_(as_json: bool) -> None:
    """Show what is paused."""

    async def work(bus: Bus) -> State:
        return await bus.ask(subjects.TELEMETRY_STATE_GET, StateRequest(), State)

    _show(Pauses(items=on_bus(work).paused), as_json)


def _show(pauses: Pauses, as_json: bool) -> None:
    if as_json:
        print_json(pauses)
    elif not pauses.items:
        say("nothing is paused")
    else:
        rows = (
            (one.gateway or "all", one.sensor or "all", moment(one.at), one.reason) for one in pauses.items
        )
        print_table(("gateway", "sensor", "since", "reason"), rows)
