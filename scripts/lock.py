"""Compiles the hashed requirements: one file for development, one for each image.

What an image installs is a subset of what was tested, so its pins are constrained by the development file.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "requirements"
PACKAGES = sorted(path.parent for path in ROOT.glob("*/*/pyproject.toml"))
EXTRAS = {"client": ("--extra", "cli")}
"""The image is the command's, not the library's."""
OURS = ["ferry-workspace", *(f"ferry-{path.name}" for path in PACKAGES)]


def compile_requirements(source: Path, target: Path, *extra: str) -> None:
    ours = [word for name in OURS for word in ("--no-emit-package", name)]
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"),
        *("--python-version", "3.11", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"),
        *("--custom-compile-command", "make lock", "--output-file", str(target), *ours, *extra, str(source)),
    ]
    subprocess.run(command, check=True, cwd=ROOT)


def main() -> None:
    upgrade = [word for word in sys.argv[1:] if word == "--upgrade"]
    dev = OUT / "dev.txt"
    compile_requirements(ROOT / "pyproject.toml", dev, "--group", "dev", *upgrade)
    for package in PACKAGES:
        target = OUT / f"{package.name}.txt"
        extras = EXTRAS.get(package.name, ())
        compile_requirements(package / "pyproject.toml", target, "--constraint", str(dev), *extras)
    # checkov and pip-audit bring a hundred packages and pins of their own: a place apart, .venv-tools
    compile_requirements(OUT / "tools.in", OUT / "tools.txt", *upgrade)
    compile_requirements(OUT / "bootstrap.in", OUT / "bootstrap.txt", "--constraint", str(dev))


if __name__ == "__main__":
    main()
