"""The recipes of docs/publish/other-languages.md, as files and commands: what stands there is what runs."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from ferry.contract import topology
from harness.bus import Bus
from harness.processes import eventually

PAGE = Path(__file__).resolve().parents[3] / "docs/publish/other-languages.md"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ferry" / "recipes"
"""Outside the clone: what a recipe installs and builds is kept from run to run."""
_BLOCK = re.compile(r"<!-- recipe: (\w+)/(\S+) -->\n```\w+\n(.*?)```\n", re.DOTALL)


SUBJECT = "ferry.v1.gateways.gateway-0.sensors.boiler.series"
"""What all recipes publish to."""


class SetupError(RuntimeError):
    """What a recipe's setup said when it failed."""


opt_in = pytest.mark.skipif(
    not os.environ.get("FERRY_RECIPES"), reason="other languages' clients are built by `make recipes`"
)


def blocks(name: str) -> dict[str, str]:
    """The recipe's files by their path, and its commands as `setup` and `run`."""
    return {path: text for recipe, path, text in _BLOCK.findall(PAGE.read_text("utf-8")) if recipe == name}


def prepared(name: str, limit_s: float = 560) -> Path:
    """A folder with the recipe's files, after its setup. Raises SetupError."""
    files = blocks(name)
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    place = CACHE / f"{name}-{digest[:16]}"
    if place.is_dir():
        return place
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new-") as new:
        halfway = Path(new) / "recipe"
        for path, text in files.items():
            if path not in {"setup", "run"}:
                (halfway / path).parent.mkdir(parents=True, exist_ok=True)
                (halfway / path).write_text(text, "utf-8")
        halfway.mkdir(exist_ok=True)
        done = subprocess.run(
            ["nice", "bash", "-euo", "pipefail", "-c", files["setup"]],
            cwd=halfway,
            env={**os.environ, "GOBIN": str(halfway / "bin"), "CGO_ENABLED": "0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=limit_s,
        )
        if done.returncode:
            raise SetupError(f"the setup of {name} failed:\n{done.stderr[-2000:]}{done.stdout[-1000:]}")
        shutil.move(halfway, place)
    return place


def prepared_or_skipped(name: str, programs: list[str]) -> Path:
    """The same, where the programs are; else the test is skipped, and says what is missing."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not here, so the recipe for {name} was not tried")
    return prepared(name)


async def stored(bus: Bus, count: int = 0) -> list[tuple[str, bytes]]:
    """Subject and body of all that the stream took, once there are `count`: MQTT's PUBACK may come before that."""
    client = await bus.connect()
    jetstream = client.jetstream()

    last = 0

    async def there() -> bool:
        nonlocal last
        last = (await jetstream.stream_info(topology.READINGS.name)).state.last_seq
        return last >= count

    await eventually(there, within_s=20, what=f"{count} readings in the stream")
    found = [await jetstream.get_msg(topology.READINGS.name, number) for number in range(1, last + 1)]
    await client.close()
    return [(topology.strip_partition(str(one.subject)), one.data or b"") for one in found]


async def run(name: str, folder: Path, env: Mapping[str, str], gateway: str = "gateway-0") -> tuple[int, str]:
    """The exit code and all that was said; `gateway` stands where the page has `gateway-0`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FERRY_")}
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{kept['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", blocks(name)["run"].replace("gateway-0", gateway)),
        cwd=folder,
        env={**kept, "PATH": path, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        raise AssertionError(f"the recipe {name} did not end") from None
    return process.returncode or 0, said.decode()
