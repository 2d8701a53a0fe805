"""Lists: a page of the entities that fit the filters, in the order that was asked for."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ferry.sandbox.thingplus.reading.query import LARGEST, Page, View

T = TypeVar("T")
Show = Callable[[T, View], dict[str, Any]]
PLAIN = View()


def listed(
    entities: Iterable[T], page: Page, view: View, show: Show[T]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The page and its `_meta`: `count` is the number retrieved, `total` that of all that fit."""
    fitting: Sequence[T] = list(entities)
    if page.filters:
        fitting = [entity for entity in fitting if _fits(show(entity, PLAIN), page)]
    order_by = page.order_by
    if order_by is not None:
        fitting = sorted(fitting, key=lambda entity: _sortable(show(entity, PLAIN).get(order_by)))
    if page.descending:
        fitting = fitting[::-1]
    start = page.number * page.count
    shown = [view.narrowed(show(entity, view)) for entity in fitting[start : start + page.count]]
    return shown, {"count": len(shown), "page": page.number, "total": len(fitting)}


def _fits(shown: dict[str, Any], page: Page) -> bool:
    return all(str(shown.get(key)) in values for key, values in page.filters.items())


def _sortable(value: Any) -> tuple[bool, int, str]:
    text = "" if value is None else str(value)
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) else -1
    return (value is not None, number, text)


def plain(shown: dict[str, Any], _: View) -> dict[str, Any]:
    """For what is listed as it stands: sites, users, models, types."""
    return dict(shown)
