"""`ferry watch`: what passes on the bus, as it passes."""

import asyncio
import time
from datetime import UTC, datetime
from typing import cast

import click

from ferry.client.cli.choosing import chosen_settings
from ferry.client.cli.running import in_words
from ferry.client.cli.terminal import as_json, print_hanging, print_json, say
from ferry.client.settings import NatsSettings
from ferry.client.watching.feed import TOPICS, Topic, Wanted, watching
from ferry.client.watching.lines import Kind, Line
from ferry.contract.ids import safe_id

COLORS: dict[Kind, str] = {"dead": "red", "event": "cyan", "delivery": "green", "note": "yellow"}


def _id(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else safe_id(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.option("--gateway", callback=_id, help="Only of this gateway.")
@click.option("--sensor", callback=_id, help="Only of this sensor.")
@click.option("--only", multiple=True, type=click.Choice(TOPICS), help="Only these; may be repeated.")
@click.option("--for-s", type=click.FloatRange(0, 31_536_000), help="Stop after this many seconds.")
@as_json
def watch(
    gateway: str | None, sensor: str | None, only: tuple[str, ...], for_s: float | None, as_json: bool
) -> None:
    """Show traffic on the bus live, until Ctrl-C.

    Readings, statuses, dead letters, events and deliveries.

    With --gateway or --sensor, deliveries are their PUTs to Thing+, each with its answer; without, what each replica of
    telemetry has sent since its last heartbeat. With --json each line is a JSON object.
    """
    topics = cast("tuple[Topic, ...]", only) or TOPICS
    wanted = Wanted(topics, gateway, sensor)
    settings = in_words(chosen_settings)
    in_words(lambda: asyncio.run(_show(settings, wanted, for_s, as_json)))


async def _show(settings: NatsSettings, wanted: Wanted, for_s: float | None, as_json: bool) -> None:
    deadline = time.monotonic() + for_s if for_s is not None else None
    async with watching(settings, wanted) as lines:
        if not as_json:
            say(f"watching {settings.shown_url}; Ctrl-C stops", err=True)
        async for line in lines:
            if line:
                _print(line, as_json)
            if deadline is not None and time.monotonic() >= deadline:
                return


def _print(line: Line, as_json: bool) -> None:
    now = datetime.now(UTC)
    if as_json:
        print_json({"at": int(now.timestamp() * 1000), **line.plain()})
        return
    whose = "/".join(part for part in (line.gateway, line.sensor) if part)
    words = f"{whose}  {line.text}" if whose else line.text
    print_hanging(f"{now:%H:%M:%S}  {line.kind:<8}  ", words, COLORS.get(line.kind))
