"""How the sandbox is told where to listen: arguments first, then FERRY_SANDBOX__…, then the defaults."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    host: str = "127.0.0.1"
    port: int = 8080
    state_dir: Path | None = None
    fixtures: Path | None = None
    scenario: str | None = None


def read(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    def given(name: str, default: str | None = None) -> str | None:
        return environment.get(f"FERRY_SANDBOX__{name}") or default

    parser = argparse.ArgumentParser(prog="python -m ferry.sandbox", description="Plays both clouds here.")
    parser.add_argument("--host", default=given("HOST", Settings.host))
    parser.add_argument("--port", type=int, default=given("PORT", str(Settings.port)), help="0: any free one")
    parser.add_argument("--state-dir", type=Path, default=given("STATE_DIR"), help="keep state on disk here")
    parser.add_argument("--fixtures", type=Path, default=given("FIXTURES"), help="accounts and models, YAML")
    parser.add_argument(
        "--scenario", default=given("SCENARIO"), help="faults: a built-in name or a YAML file"
    )
    found = parser.parse_args(arguments)
    return Settings(found.host, found.port, found.state_dir, found.fixtures, found.scenario)
