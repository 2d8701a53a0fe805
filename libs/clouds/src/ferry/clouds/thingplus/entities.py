"""Parses entities in Thing+'s answers. Raises BadAnswerError for what it cannot read."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError

from ferry.clouds.answer import Answer
from ferry.clouds.errors import BadAnswerError
from ferry.clouds.thingplus.listed import Listed
from ferry.clouds.words import clean
from ferry.contract.registry import Device, Gateway, GatewayModel, Sensor, Site

P = TypeVar("P", Gateway, Device, Sensor, GatewayModel, Site)
NOT_THE_CLOUDS = {"deletedBefore": None, "declaredName": None, "declaredDeviceId": None}
"""Fields of Ferry's own, whatever the cloud says in them."""
_TEXTS = ("id", "owner", "name", "model", "siteId", "deviceId", "type", "driverName", "category")


def nested(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """What of a nested list there is; nobody documents that it is shown."""
    found = data.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def data_of(answer: Answer) -> dict[str, Any]:
    data = answer.object().get("data")
    if isinstance(data, dict):
        return data
    raise BadAnswerError(answer.status, "an envelope without data")


def items_of(answer: Answer) -> list[Any]:
    data = answer.object().get("data")
    if isinstance(data, list):
        return data
    raise BadAnswerError(answer.status, "an envelope without a list")


def read_gateway(data: dict[str, Any]) -> Gateway:
    return parsed(Gateway, {**data, "siteId": data.get("_site", "")})


def parsed(kind: type[P], data: dict[str, Any]) -> P:
    """Texts may come as numbers: Thing+ writes the same field either way."""
    numbers = {name: str(data[name]) for name in _TEXTS if _is_number(data.get(name))}
    try:
        return kind.model_validate({**data, **numbers, **NOT_THE_CLOUDS})
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"])) for item in error.errors(include_input=False)[:5])
        raise BadAnswerError(200, f"a {kind.__name__} that lacks or garbles {fields}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18


def is_same(there: Any, wanted: Any) -> bool:
    """Thing+ shows numbers as strings: what is the same is sent back as it was shown."""
    comparable = isinstance(there, str) or _is_number(there)
    return there == wanted or (comparable and str(there) == str(wanted))


def read_each(found: list[Any], read: Callable[[dict[str, Any]], P], *, more: bool = False) -> Listed[P]:
    """Parses each item by itself: one that cannot be read does not affect the others."""
    listed: Listed[P] = Listed([], [], more)
    for item in found:
        if not isinstance(item, dict):
            listed.unreadable.append(clean(f"{item!r}: not an object"))
            continue
        try:
            listed.items.append(read(item))
        except BadAnswerError as error:
            listed.unreadable.append(clean(f"{item.get('id')}: {error}"))
    return listed
