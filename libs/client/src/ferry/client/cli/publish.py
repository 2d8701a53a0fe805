"""`ferry publish`: readings and statuses, one or a file of them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from ferry.client.cli.choosing import chosen_settings
from ferry.client.cli.running import in_words
from ferry.client.cli.terminal import as_json, print_json, say
from ferry.client.ferry import Ferry, Receipt
from ferry.client.publishing.bulk import Published
from ferry.contract.ids import safe_id

R = TypeVar("R")
TIMEOUT_S = 10.0
FILE_TIMEOUT_S = 60.0
_NUMBER = re.compile(r"-[0-9.]")


def _id(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else safe_id(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


class _TakesNegativeNumbers(click.Command):
    """`-5` is a value, not an option; `--` lets any other text that begins with a dash be one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.ignore_unknown_options = True
        separated = "--" in args
        rest = super().parse_args(ctx, args)
        value = ctx.params.get("value")
        if isinstance(value, str) and value.startswith("-") and not separated and not _NUMBER.match(value):
            raise click.NoSuchOption(value, ctx=ctx)
        return rest


@click.group()
def publish() -> None:
    """Publish readings and statuses."""


@publish.command(cls=_TakesNegativeNumbers)
@click.argument("gateway", callback=_id)
@click.argument("sensor", callback=_id)
@click.argument("value")
@click.option("--time", type=int, help="Time of the measurement in Unix ms; default: now.")
@as_json
def series(gateway: str, sensor: str, value: str, time: int | None, as_json: bool) -> None:
    """Publish one VALUE of a SENSOR."""

    async def work(ferry: Ferry) -> Receipt:
        return await ferry.series(gateway, sensor, value, time)

    _say(_published(work), as_json)


@publish.command()
@click.argument("gateway", callback=_id)
@click.argument("value", type=click.Choice(["on", "off", "err"]))
@click.option("--sensor", callback=_id, help="The sensor; default: the gateway itself.")
@click.option("--valid", type=click.IntRange(1, 31_536_000), help="How long it is valid, in s.")
@as_json
def status(gateway: str, value: str, sensor: str | None, valid: int | None, as_json: bool) -> None:
    """Publish the status of a GATEWAY, or of one of its sensors."""

    async def work(ferry: Ferry) -> Receipt:
        return await ferry.status(gateway, value, sensor=sensor, valid_s=valid)

    _say(_published(work), as_json)


@publish.command()
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--gateway", callback=_id, help="Gateway of all rows, if the file has no such column.")
@click.option("--sensor", callback=_id, help="Sensor of all rows, if the file has no such column.")
@as_json
def file(path: Path, gateway: str | None, sensor: str | None, as_json: bool) -> None:
    """Publish the readings of a CSV FILE.

    Columns: gateway, sensor, value, and optionally time (Unix ms or ISO 8601).
    """

    async def work(ferry: Ferry) -> Published:
        return await ferry.bulk(path, gateway=gateway, sensor=sensor)

    done = _published(work, FILE_TIMEOUT_S)
    if as_json:
        print_json({"readings": done.readings, "messages": done.messages})
    else:
        say(f"{done.readings} readings stored, in {done.messages} messages")


def _published(work: Callable[[Ferry], Awaitable[R]], timeout_s: float = TIMEOUT_S) -> R:
    settings = in_words(chosen_settings)

    async def run() -> R:
        async with Ferry(settings, timeout_s=timeout_s) as ferry:
            return await work(ferry)

    return in_words(lambda: asyncio.run(run()))


def _say(receipt: Receipt, as_json: bool) -> None:
    if as_json:
        print_json({"sequence": receipt.sequence})
    else:
        say(f"stored as {receipt.sequence}")
