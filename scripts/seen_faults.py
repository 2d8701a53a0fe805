"""Takes the fix of each fault that was seen out of a copy of the code, and shows that its tests fail then.

`scripts/seen_faults.py [NUMBER …]`: those of scripts/seen_faults.toml, or all; docs/evidence/telemetry-faults.md then.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "ferry.telemetry": "services/telemetry/src",
    "ferry.clouds": "libs/clouds/src",
    "ferry.bus": "libs/bus/src",
}
PAGE = ROOT / "docs/evidence/telemetry-faults.md"
FAILED = 1
"""pytest's exit code where tests ran and some failed."""
HEAD = """\
# Faults that were seen, and the tests that keep them out

Each of the 22 faults that were seen in telemetry by running it against a hostile world, the line that ends it, and the
tests that fail when it is taken out. `.venv/bin/python scripts/seen_faults.py` takes every line out of a copy of the
code, one after another, runs its tests and writes this page; scripts/seen_faults.toml has what is put in its place.
Of a test with parameters at least one case fails. Tests without a path are in services/telemetry/tests.

| number | without the fix | line | tests that fail |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """`old` is in `module` once; with `new` in its place each of `tests` fails."""

    number: int
    what: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]


def main() -> int:
    wanted = {int(number) for number in sys.argv[1:]}
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["fault"]
    faults = [Fault(**{**row, "tests": tuple(row["tests"])}) for row in table]
    chosen = [fault for fault in faults if not wanted or fault.number in wanted]
    missed = [f"{fault.number}: {fault.what}: {test}" for fault in chosen for test in not_red(fault)]
    sys.stdout.write("".join(f"not seen: {line}\n" for line in missed))
    if not wanted and not missed:
        tests = sum(len(fault.tests) for fault in faults)
        foot = f"\n{len(faults)} lines, {tests} runs of tests: each of them failed.\n"
        PAGE.write_text(HEAD + "".join(map(row_of, faults)) + foot, encoding="utf-8")
    return 1 if missed else 0


def not_red(fault: Fault) -> list[str]:
    """The tests that do not fail without the fix."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder)
        for package, source in PACKAGES.items():
            relative = package.replace(".", "/")
            shutil.copytree(ROOT / source / relative, copied / relative)
        file = copied / fault.module.replace(".", "/")
        file = file.with_suffix(".py")
        text = file.read_text(encoding="utf-8")
        if text.count(fault.old) != 1:
            raise SystemExit(
                f"{fault.number}: {fault.old!r} is in {fault.module} {text.count(fault.old)} times"
            )
        file.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
        return [test for test in fault.tests if not fails(test, copied)]


def fails(test: str, code: Path) -> bool:
    name, *options = test.split(" ")
    path = name if "/" in name else f"services/telemetry/tests/{name}"
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", path, *options]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(code)}, capture_output=True, check=False
    )
    said = done.stdout.decode(errors="replace")
    sys.stdout.write(f"{'red ' if done.returncode == FAILED else said[-300:]} {test}\n")
    sys.stdout.flush()
    return done.returncode == FAILED


def row_of(fault: Fault) -> str:
    line = next(line.strip() for line in fault.old.splitlines() if line.strip()).replace("|", "\\|")
    tests = "<br>".join(f"`{test.split(' ')[0]}`" for test in fault.tests)
    return f"| {fault.number} | {fault.what} | `{fault.module}`: `{line}` | {tests} |\n"


if __name__ == "__main__":
    sys.exit(main())
