"""Templates that escape all output and reveal characters that could mislead a reader."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ferry.console.live.troubles import TITLES
from ferry.contract.ids import is_safe_id

FOLDER = Path(__file__).parent.parent / "templates"
LATEST_MS = 253_402_300_799_000
"""The end of the year 9999."""


def visible(value: Any) -> Any:
    """Text whose control and direction characters are written out; anything else as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if value.isprintable():
        return value
    return "".join(
        one if one.isprintable() or one in "\n\t" else one.encode("unicode-escape").decode() for one in value
    )


def moment(unix_ms: int | None) -> str:
    if not unix_ms or not 0 < unix_ms <= LATEST_MS:
        return "—"
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def age(ms: float | None) -> str:
    if ms is None:
        return "—"
    seconds = ms / 1000
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - a digit less


def number(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004 - a digit more


def size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:  # noqa: PLR2004 - IEC's own
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def title(cloud: str) -> str:
    return TITLES.get(cloud, cloud)


_environment = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=visible,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"moment": moment, "age": age, "number": number, "size": size, "cloud": title}


_environment.tests["an_id"] = lambda value: isinstance(value, str) and is_safe_id(value)


def fragment(name: str, **shown: Any) -> str:
    return _environment.get_template(name).render(**shown)


def page(request: Request, name: str, status: int = 200, **shown: Any) -> HTMLResponse:
    session = request.state.session
    here = request.url.path
    return HTMLResponse(fragment(name, session=session, here=here, **shown), status)
