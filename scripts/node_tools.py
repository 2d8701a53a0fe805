"""Programs from npm that tests and docs use: a folder with package.json, its lock and scripts, installed once.

The folder is copied to `~/.cache/ferry/node/<name>-<digest>` and installed there, exactly as its lock says.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ferry" / "node"
"""Outside the clone: kept from run to run."""


class NoNodeError(RuntimeError):
    """Says what is missing."""


def installed(folder: Path, limit_s: float = 300) -> Path:
    """A copy of `folder` with its packages. Raises NoNodeError."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    digest = hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()
    place = CACHE / f"{folder.name}-{digest[:16]}"
    if place.is_dir():
        return place
    if not (shutil.which("node") and shutil.which("npm")):
        raise NoNodeError("Node with npm is not here")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new-") as new:
        halfway = Path(new) / "packages"
        halfway.mkdir()
        for file in files:
            shutil.copy(file, halfway)
        # No package may run a program of its own while it is installed.
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], halfway, limit_s)
        try:
            halfway.rename(place)
        except OSError:
            if not place.is_dir():  # nobody else was faster
                raise
    return place


def node(folder: Path, script: str, *arguments: str, limit_s: float = 120) -> str:
    """What a script of the folder printed. Raises NoNodeError when it cannot be installed, or fails."""
    return _run(["node", script, *arguments], installed(folder), limit_s)


def _run(command: list[str], folder: Path, limit_s: float) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        raise NoNodeError(f"{' '.join(command[:2])} was not done after {limit_s:.0f} s") from None
    if done.returncode:
        raise NoNodeError(f"{' '.join(command[:2])} failed:\n{done.stderr[-2000:]}")
    return done.stdout
