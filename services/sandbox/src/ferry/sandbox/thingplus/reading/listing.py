"""Lists and their options: count, page, order, fields, filter and embed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ferry.sandbox.thingplus.envelope import bad_input, bad_schema
from ferry.sandbox.thingplus.fleet.entities import Gateway, Sensor, series_leaf, status_leaf

MOST = 4000
DEFAULT_COUNT = 100
LARGEST = 2**53
OPTIONS = frozenset({"count", "page", "orderBy", "orderDir", "fields", "embed"})


@dataclass(slots=True)
class Options:
    count: int = DEFAULT_COUNT
    page: int = 0
    order_by: str | None = None
    descending: bool = False
    fields: set[str] = field(default_factory=set)
    filters: list[tuple[str, str]] = field(default_factory=list)
    embed: set[str] = field(default_factory=set)


def options(arguments: list[tuple[str, str]], embeddable: frozenset[str]) -> Options:
    """Raises ThingPlusError: an option that does not exist or is out of bounds is refused."""
    found = Options()
    for name, value in arguments:
        if name.startswith("filter[") and name.endswith("]"):
            found.filters.append((name[7:-1], value))
        elif name not in OPTIONS:
            raise bad_schema(f"{name[:64]!r} is not an option here")
        else:
            _take(found, name, value)
    refused = found.embed - embeddable
    if refused:
        raise bad_input(f"cannot embed {sorted(refused)}; one of {sorted(embeddable)}")
    return found


def _take(found: Options, name: str, value: str) -> None:
    if name == "count":
        found.count = _whole(name, value, 1, MOST)
    elif name == "page":
        found.page = _whole(name, value, 0, LARGEST)
    elif name == "orderBy":
        found.order_by = value
    elif name == "orderDir":
        if value not in {"asc", "desc"}:
            raise bad_input("orderDir is asc or desc")
        found.descending = value == "desc"
    elif name == "fields":
        found.fields.update(value.split(","))
    else:
        found.embed.update(value.split(","))


def _whole(name: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(LARGEST)):
        raise bad_schema(f"{name} is a whole number")
    number = int(value)
    if not least <= number <= most:
        raise bad_input(f"{name} is from {least} to {most}")
    return number


def listed(
    items: Iterable[dict[str, Any]],
    chosen: Options,
    embed: Callable[[dict[str, Any]], None],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """One page and its `_meta`, where `count` is the number of all that fit the filters."""
    fitting = [item for item in items if all(str(item.get(key)) == want for key, want in chosen.filters)]
    if chosen.order_by is not None:
        fitting.sort(key=lambda item: _sortable(item.get(chosen.order_by or "")))
    if chosen.descending:
        fitting.reverse()
    start = chosen.page * chosen.count
    page = fitting[start : start + chosen.count]
    for item in page:
        embed(item)
    return [narrowed(item, chosen) for item in page], {"count": len(fitting)}


def narrowed(item: dict[str, Any], chosen: Options) -> dict[str, Any]:
    if not chosen.fields:
        return item
    return {key: value for key, value in item.items() if key in chosen.fields | chosen.embed | {"id"}}


def _sortable(value: Any) -> tuple[bool, int, str]:
    text = "" if value is None else str(value)
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) else -1
    return (value is not None, number, text)


def embed_gateway(gateway: Gateway, shown: dict[str, Any], chosen: Options) -> None:
    if "devices" in chosen.embed:
        shown["devices"] = [each.shown(str(each.time)) for each in gateway.devices.values()]
    if "sensors" in chosen.embed:
        shown["sensors"] = [each.stored() for each in gateway.sensors.values()]
    if "status" in chosen.embed and gateway.status:
        shown["status"] = status_leaf(gateway.status, gateway)


def embed_sensor(sensor: Sensor, shown: dict[str, Any], chosen: Options) -> None:
    if "status" in chosen.embed and sensor.status:
        shown["status"] = status_leaf(sensor.status, sensor)
    if "series" in chosen.embed and sensor.series:
        shown["series"] = series_leaf(sensor.series, sensor, None)
