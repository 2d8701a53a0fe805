"""`ferry doctor`: what is wrong, and what to do about it."""

import asyncio
from dataclasses import asdict, replace
from importlib.metadata import version

import click

from ferry.client.bus import connect
from ferry.client.cli.choosing import chosen_context, chosen_settings
from ferry.client.cli.exits import Exit
from ferry.client.cli.running import in_words
from ferry.client.cli.terminal import as_json, print_hanging, print_json, say
from ferry.client.doctor import local
from ferry.client.doctor.examination import CHECK_S, Subject, examined, on_disk
from ferry.client.doctor.findings import Finding, State, count, failed, warning
from ferry.client.doctor.server import Server, reached
from ferry.client.errors import FerryError
from ferry.client.settings import NatsSettings, from_environment

COLORS: dict[State, str] = {"ok": "green", "warning": "yellow", "wrong": "red"}


@click.command()
@click.option("--strict", is_flag=True, help="Exit with code 1 for warnings, too.")
@click.option(
    "--monitor", metavar="URL", help="nats-server's monitoring port, such as http://127.0.0.1:8222."
)
@as_json
def doctor(strict: bool, monitor: str | None, as_json: bool) -> None:
    """Check everything, and report what is wrong and what to do.

    The bus, the account, streams, services, tokens, clouds, clocks and disk.
    Takes at most 15 seconds. Exit code 0: nothing is wrong; 1: something is wrong or cannot be reached.
    """
    found = in_words(lambda: asyncio.run(_examine(monitor)))
    if as_json:
        print_json(
            [{name: value for name, value in asdict(one).items() if value is not None} for one in found]
        )
    else:
        _show(found)
    bad = {"wrong", "warning"} if strict else {"wrong"}
    raise SystemExit(Exit.FAILED if any(one.state in bad for one in found) else 0)


async def _examine(monitor: str | None) -> list[Finding]:
    disk = asyncio.create_task(on_disk(monitor)) if monitor else None
    found = await _on_bus()
    return found + (await disk if disk else [])


async def _on_bus() -> list[Finding]:
    try:
        settings = chosen_settings()
        context = local.chosen_name(chosen_context(), from_environment() is not None)
    except FerryError as error:
        return [failed("settings", error, "`ferry context list`")]
    return [*local.settings(settings, context), *await _connected(settings)]


async def _connected(settings: NatsSettings) -> list[Finding]:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with connect(settings) as bus:
            server = Server(settings.shown_url, bus.client._server_info, loop.time() - begun)  # noqa: SLF001 - nats-py has no other way to it
            jetstream = bus.client.jetstream(timeout=CHECK_S)
            return [*reached(server), *await examined(Subject(bus, jetstream, version("ferry-client")))]
    except FerryError as error:
        rest = "account, clock, services, tokens, clouds, leases and streams: not checked without the bus"
        first = failed("bus", error, "is nats-server running there?")
        return [replace(first, state="wrong"), warning("all else", rest, "reach the bus first")]


def _show(found: list[Finding]) -> None:
    widest = max(len(one.check) for one in found)
    for one in found:
        print_hanging(f"{one.state:<7}  {one.check:<{widest}}  ", one.what, COLORS[one.state])
        if one.todo and one.state != "ok":
            print_hanging(" " * (7 + 2 + widest + 2) + "to do: ", one.todo)
    counts = {state: sum(one.state == state for one in found) for state in COLORS}
    say(f"{counts['ok']} ok, {count(counts['warning'], 'warning')}, {counts['wrong']} wrong")
