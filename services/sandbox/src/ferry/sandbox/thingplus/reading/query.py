"""A query string in the form of node's querystring: `sensors[series][dataStart]=…` is a tree of options."""

import re
from dataclasses import dataclass, field
from typing import Any

from ferry.sandbox.thingplus.envelope import bad_input, bad_schema
from ferry.sandbox.thingplus.reading.series import Range, range_of

MOST = 4000
LARGEST = 2**53
DEEPEST = 4
PAGING = frozenset({"count", "page", "orderBy", "orderDir"})
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


@dataclass(slots=True)
class Options:
    """The options at one place of the tree, in the order of the query, and the trees under their names."""

    own: list[tuple[str, str]] = field(default_factory=list)
    inside: dict[str, "Options"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """An entity that can be read, by what can be embedded in it."""

    embeds: dict[str, "Kind | None"]


SERIES = Kind({})
DEVICE = Kind({})
SENSOR = Kind({"status": None, "series": SERIES})
GATEWAY = Kind({"devices": DEVICE, "sensors": SENSOR, "status": None})
FLAT = Kind({})


@dataclass(frozen=True, slots=True)
class View:
    """Which fields of an entity are shown, and what is shown in place of an id."""

    fields: frozenset[str] = frozenset()
    embeds: dict[str, "View | Range | None"] = field(default_factory=dict)

    def narrowed(self, shown: dict[str, Any]) -> dict[str, Any]:
        if not self.fields:
            return shown
        wanted = self.fields | self.embeds.keys() | {"id"}
        return {key: value for key, value in shown.items() if key in wanted}


@dataclass(frozen=True, slots=True)
class Page:
    """Which of the entities are listed; a filter is a key and the values of which it may have any."""

    count: int = MOST
    number: int = 0
    order_by: str | None = None
    descending: bool = False
    filters: dict[str, frozenset[str]] = field(default_factory=dict)


def options_of(arguments: list[tuple[str, str]]) -> Options:
    """Raises ThingPlusError for a key whose brackets do not match."""
    tree = Options()
    for key, value in arguments:
        found = _KEY.fullmatch(key)
        path = [] if found is None else [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
        if path[1:] and not path[-1]:
            path.pop()
        if not path or len(path) > DEEPEST:
            raise bad_schema(f"{key[:64]!r} is not an option here")
        place = tree
        for name in path[:-1]:
            place = place.inside.setdefault(name, Options())
        place.own.append((path[-1], value))
    return tree


def list_of(arguments: list[tuple[str, str]], kind: Kind) -> tuple[Page, View]:
    """Raises ThingPlusError: an option that does not exist or is out of bounds is refused."""
    filters = _filters(arguments)
    options = options_of([pair for pair in arguments if not _is_filter(pair[0])])
    paging = _once([pair for pair in options.own if pair[0] in PAGING])
    options.own = [pair for pair in options.own if pair[0] not in PAGING]
    direction = paging.get("orderDir", "asc")
    if direction not in {"asc", "desc"}:
        raise bad_input("orderDir is asc or desc")
    page = Page(
        count=_whole("count", paging.get("count", str(MOST)), 1, MOST),
        number=_whole("page", paging.get("page", "0"), 0, LARGEST),
        order_by=paging.get("orderBy"),
        descending=direction == "desc",
        filters=filters,
    )
    return page, _view(options, kind)


def _is_filter(key: str) -> bool:
    return key.startswith("filter[") and key.endswith("]")


def _filters(arguments: list[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """By any key: one that no entity has fits nothing."""
    filters: dict[str, frozenset[str]] = {}
    for key, value in arguments:
        if _is_filter(key):
            name = key.removeprefix("filter[").removesuffix("]")
            filters[name] = filters.get(name, frozenset()) | {value}
    return filters


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    given = dict(pairs)
    if len(given) != len(pairs):
        raise bad_schema("an option is given twice")
    return given


def view_of(arguments: list[tuple[str, str]], kind: Kind) -> View:
    """Raises ThingPlusError, as `list_of`."""
    return _view(options_of(arguments), kind)


def _view(options: Options, kind: Kind) -> View:
    fields: set[str] = set()
    names: list[str] = []
    for name, value in options.own:
        if name == "fields":
            fields.update(value.split(","))
        elif name == "embed":
            names += value.split(",")
        else:
            raise bad_schema(f"{name[:64]!r} is not an option here")
    for name in names:
        if name not in kind.embeds:
            raise bad_input(f"cannot embed {name[:64]!r}; one of {', '.join(kind.embeds) or 'nothing'}")
    inner = {name: _embedded(name, each, kind) for name, each in options.inside.items()}
    plain = {name: View() if isinstance(kind.embeds[name], Kind) else None for name in names}
    embeds = {name: inner.get(name, plain[name]) for name in names}
    return View(frozenset(fields), embeds)


def _embedded(name: str, options: Options, kind: Kind) -> "View | Range | None":
    """The options of what is embedded; they are read, and passed over, also where it is not."""
    inner = kind.embeds.get(name)
    if inner is SERIES and not options.inside:
        return range_of(options.own)
    if inner is None or inner is SERIES:
        raise bad_schema(f"{name[:64]!r} has no options here")
    return _view(options, inner)


def _whole(name: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(LARGEST)):
        raise bad_schema(f"{name} is a whole number")
    number = int(value)
    if not least <= number <= most:
        raise bad_input(f"{name} is from {least} to {most}")
    return number
