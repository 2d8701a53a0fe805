"""`ferry gateways`, `devices`, `sensors`, `sites`: list and show."""

from typing import Any, TypeVar

import click

from ferry.client.bus import Bus
from ferry.client.cli.running import on_bus
from ferry.client.cli.terminal import as_json, print_fields, print_json, print_table, say
from ferry.contract import subjects
from ferry.contract.registry import (
    Device,
    DeviceList,
    Gateway,
    GatewayId,
    GatewayList,
    ListRequest,
    OwnedId,
    Sensor,
    SensorList,
    SiteList,
    SitesRequest,
)

L = TypeVar("L", GatewayList, DeviceList, SensorList)
_owner = click.option("--gateway", "owner", help="Only of this gateway.")
_after = click.option(
    "--after", default="", help="Continue after this entry, as the previous page printed it."
)
_limit = click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Entries per page."
)


_every = click.option("--all", "every", is_flag=True, help="Show all pages.")


@click.command()
@as_json
def sites(as_json: bool) -> None:
    """List the account's sites."""

    async def work(bus: Bus) -> SiteList:
        return await bus.ask(subjects.REGISTRY_SITES_LIST, SitesRequest(), SiteList)

    found = on_bus(work)
    if as_json:
        print_json(found)
    else:
        print_table(("id", "name"), ((site.id, site.name) for site in found.items))


@click.group()
def gateways() -> None:
    """List and show gateways."""


@gateways.command("list")
@_after
@_limit
@_every
@as_json
def list_gateways(after: str, limit: int, every: bool, as_json: bool) -> None:
    """List gateways."""
    asked = ListRequest(after=after, limit=limit)
    found = _listed(subjects.REGISTRY_GATEWAYS_LIST, asked, GatewayList, every)
    if as_json:
        print_json(found)
        return
    rows = (
        (item.id, _name(item), item.model, item.site_id, item.report_interval // 1000) for item in found.items
    )
    print_table(("id", "name", "model", "site", "reports every s"), rows)
    _say_more(found.next)


@gateways.command("show")
@click.argument("id")
@as_json
def show_gateway(id: str, as_json: bool) -> None:  # noqa: A002 - the argument's name
    """Show one gateway."""

    async def work(bus: Bus) -> Gateway:
        return await bus.ask(subjects.REGISTRY_GATEWAYS_GET, GatewayId(id=id), Gateway)

    _show(on_bus(work), as_json)


@click.group()
def devices() -> None:
    """List and show devices."""


@devices.command("list")
@_owner
@_after
@_limit
@_every
@as_json
def list_devices(owner: str | None, after: str, limit: int, every: bool, as_json: bool) -> None:
    """List devices."""
    asked = ListRequest(owner=owner, after=after, limit=limit)
    found = _listed(subjects.REGISTRY_DEVICES_LIST, asked, DeviceList, every)
    if as_json:
        print_json(found)
        return
    print_table(
        ("id", "gateway", "name", "model"),
        ((item.id, item.owner, _name(item), item.model) for item in found.items),
    )
    _say_more(found.next)


@devices.command("show")
@click.argument("gateway")
@click.argument("id")
@as_json
def show_device(gateway: str, id: str, as_json: bool) -> None:  # noqa: A002 - the argument's name
    """Show one device of a gateway."""

    async def work(bus: Bus) -> Device:
        return await bus.ask(subjects.REGISTRY_DEVICES_GET, OwnedId(owner=gateway, id=id), Device)

    _show(on_bus(work), as_json)


@click.group()
def sensors() -> None:
    """List and show sensors."""


@sensors.command("list")
@_owner
@_after
@_limit
@_every
@as_json
def list_sensors(owner: str | None, after: str, limit: int, every: bool, as_json: bool) -> None:
    """List sensors."""
    asked = ListRequest(owner=owner, after=after, limit=limit)
    found = _listed(subjects.REGISTRY_SENSORS_LIST, asked, SensorList, every)
    if as_json:
        print_json(found)
        return
    print_table(
        ("id", "gateway", "device", "name", "type"),
        ((item.id, item.owner, item.device_id, _name(item), item.type) for item in found.items),
    )
    _say_more(found.next)


@sensors.command("show")
@click.argument("gateway")
@click.argument("id")
@as_json
def show_sensor(gateway: str, id: str, as_json: bool) -> None:  # noqa: A002 - the argument's name
    """Show one sensor of a gateway."""

    async def work(bus: Bus) -> Sensor:
        return await bus.ask(subjects.REGISTRY_SENSORS_GET, OwnedId(owner=gateway, id=id), Sensor)

    _show(on_bus(work), as_json)


def _listed(subject: str, asked: ListRequest, kind: type[L], every: bool) -> L:
    """One page, or all that follow as well."""

    async def work(bus: Bus) -> L:
        page: L = await bus.ask(subject, asked, kind)
        items: list[Any] = [*page.items]
        while every and page.next is not None:
            page = await bus.ask(subject, asked.model_copy(update={"after": page.next}), kind)
            items += page.items
        return page.model_copy(update={"items": items})

    return on_bus(work)


def _name(entity: Gateway | Device | Sensor) -> str:
    return entity.name if entity.deleted_before is None else f"{entity.name} (deleted at the portal)"


def _show(entity: Gateway | Device | Sensor, as_json: bool) -> None:
    if as_json:
        print_json(entity)
        return
    print_fields(entity.model_dump(by_alias=True, exclude_none=True).items())


def _say_more(following: str | None) -> None:
    if following is not None:
        say(f"more: --after {following}, or --all")
