"""How the sandbox is told what to do: arguments first, then FERRY_SANDBOX__…, then the defaults."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import get_args

import msgspec

from ferry.sandbox.thingplus.fleet.store import MOST_POINTS
from ferry.sandbox.thingplus.reading.formats import SeriesFormat, Shape, Times, Values


@dataclass(frozen=True)
class Settings:
    host: str = "127.0.0.1"
    port: int = 8080
    state_dir: Path | None = None
    fixtures: Path | None = None
    scenario: str | None = None
    most_points: int = MOST_POINTS
    series_format: SeriesFormat = field(default_factory=SeriesFormat)


def read(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises ValueError for an environment variable that does not fit; argparse ends the process for an argument."""

    def given(name: str, default: str | None = None) -> str | None:
        return environment.get(f"FERRY_SANDBOX__{name}") or default

    parser = argparse.ArgumentParser(
        prog="ferry-sandbox",
        description="Thing+ and ADI OtoSense on this machine, for tests of their clients.",
    )
    parser.add_argument("--version", action="version", version=_version())
    parser.add_argument("--host", default=given("HOST", Settings.host))
    parser.add_argument("--port", type=int, default=given("PORT", str(Settings.port)), help="0: any free one")
    parser.add_argument("--state-dir", type=Path, default=given("STATE_DIR"), help="keep state on disk here")
    parser.add_argument("--fixtures", type=Path, default=given("FIXTURES"), help="accounts and models, YAML")
    parser.add_argument(
        "--scenario", default=given("SCENARIO"), help="faults: a built-in name or a YAML file"
    )
    parser.add_argument(
        "--most-points",
        type=int,
        default=given("MOST_POINTS", str(Settings.most_points)),
        help="above this number of points, every series drops its older half",
    )
    defaults = SeriesFormat()
    for name, choices, about in (
        ("shape", get_args(Shape), "how a series is read: sensor is the documented shape"),
        ("values", get_args(Values), "stored: as they were sent; number: 36.50 as 36.5"),
        ("times", get_args(Times), "documented: text in a leaf, numbers among points"),
    ):
        default = given(f"SERIES_{name.upper()}", getattr(defaults, name))
        if default not in choices:
            raise ValueError(f"FERRY_SANDBOX__SERIES_{name.upper()} is one of {', '.join(choices)}")
        parser.add_argument(f"--series-{name}", choices=choices, default=default, help=about)
    found = parser.parse_args(arguments)
    if found.most_points < 1:
        raise ValueError("--most-points is 1 at least")
    shown = {name: getattr(found, f"series_{name}") for name in ("shape", "values", "times")}
    return Settings(
        found.host,
        found.port,
        found.state_dir,
        found.fixtures,
        found.scenario,
        found.most_points,
        msgspec.convert(shown, SeriesFormat),
    )


def _version() -> str:
    try:
        return f"ferry-sandbox {version('ferry-sandbox')}"
    except PackageNotFoundError:  # an image has the code alone
        return "ferry-sandbox"
