"""Builds every image with the engine that is here: `scripts/build_images.py [IMAGE...]`.

`PYTHON_IMAGE` names another base, for a machine that reaches no public registry.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from container_engine import Engine, NoEngineError, find

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("auth", "registry", "telemetry", "otosense", "console")
BUILD_ARGUMENTS = {
    **{name: {"SERVICE": name} for name in (*SERVICES, "sandbox")},
    "cli": {"SERVICE": "client"},
}
VERSION = "0.1.0"
LIMIT_S = 900


def tag(name: str) -> str:
    return f"ferry-{name}:{VERSION}"


def revision() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.strip() or "unknown"


def build(engine: Engine, name: str) -> None:
    """Raises SystemExit with the build's last words, TimeoutExpired after 15 minutes."""
    arguments = {**BUILD_ARGUMENTS[name], "VERSION": VERSION, "REVISION": revision()}
    if base := os.environ.get("PYTHON_IMAGE"):
        arguments["PYTHON"] = base
    words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    started = time.monotonic()
    done = subprocess.run(
        [*engine.build, *words, "-t", tag(name), "."],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=LIMIT_S,
    )
    if done.returncode:
        raise SystemExit(f"{tag(name)} was not built:\n{done.stdout[-4000:]}")
    size = int(engine.call("image", "inspect", "--format", "{{.Size}}", tag(name))) / 1e6
    print(f"{tag(name):22} {size:6.0f} MB  built in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="*", choices=[[], *BUILD_ARGUMENTS], default=[])
    chosen = parser.parse_args().images or list(BUILD_ARGUMENTS)
    try:
        engine = find()
    except NoEngineError as error:
        sys.exit(f"images: {error}")
    for name in chosen:
        build(engine, name)


if __name__ == "__main__":
    main()
