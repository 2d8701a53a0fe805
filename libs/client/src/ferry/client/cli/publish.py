"""`ferry publish`: a reading or a status by hand."""

import click

from ferry.client.bus import Bus
from ferry.client.cli.running import on_bus
from ferry.client.cli.terminal import as_json, print_json, say
from ferry.client.publisher import Publisher
from ferry.contract.ids import safe_id
from ferry.contract.readings import Reading, Status


def _id(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        return safe_id(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group()
def publish() -> None:
    """Publish a reading or a status."""


@publish.command()
@click.argument("gateway", callback=_id)
@click.argument("sensor", callback=_id)
@click.argument("value")
@click.option("--time", type=int, help="When it was measured, in Unix ms; without it, now.")
@as_json
def series(gateway: str, sensor: str, value: str, time: int | None, as_json: bool) -> None:
    """Publish one VALUE of a SENSOR."""

    async def work(bus: Bus) -> int:
        return await Publisher(bus).series(gateway, sensor, [Reading(value=value, time=time)])

    _say(on_bus(work), as_json)


@publish.command()
@click.argument("gateway", callback=_id)
@click.argument("value", type=click.Choice(["on", "off", "err"]))
@click.option("--sensor", help="The sensor; without it, the gateway itself.")
@click.option("--valid", type=click.IntRange(min=1), help="How long it is valid, in s.")
@as_json
def status(gateway: str, value: str, sensor: str | None, valid: int | None, as_json: bool) -> None:
    """Publish the status of a GATEWAY, or of one of its sensors."""
    message = Status.model_validate({"value": value, "validDuration": valid})

    async def work(bus: Bus) -> int:
        publisher = Publisher(bus)
        if sensor is None:
            return await publisher.gateway_status(gateway, message)
        return await publisher.sensor_status(gateway, sensor, message)

    _say(on_bus(work), as_json)


def _say(sequence: int, as_json: bool) -> None:
    if as_json:
        print_json({"sequence": sequence})
    else:
        say(f"stored as {sequence}")
