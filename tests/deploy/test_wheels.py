"""Every package as a wheel: what is in it, and that it works in an environment without the workspace's sources.

Third-party packages come from the environment of the tests; ours come from the wheels alone. Nothing is downloaded.
"""

import email
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from build_images import VERSION

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.parent.name for path in ROOT.glob("*/*/pyproject.toml"))
SERVICES = ("auth", "console", "otosense", "registry", "telemetry")
OLD = {"cli", "config", "docker", "fabric", "http", "install", "ip", "options", "table"}
"""The modules of PyPI's `ferry` 0.3.3.4 (2014), which is another project and a regular package."""


def run(*command, **environ):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("FERRY_", "PYTHON"))}
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True, text=True, check=False, timeout=100, cwd="/", env={**clean, **environ},
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    options = ("--all-packages", "--wheel", "--no-build-isolation", "--offline", "--quiet")
    built = run(sys.executable, "-m", "uv", "build", *options, "--out-dir", folder, ROOT)
    assert built.returncode == 0, built.stderr
    return {path.name.split("-")[0].removeprefix("ferry_"): path for path in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def clean(wheels, tmp_path_factory):
    """The folder of the programs of an environment that has the wheels."""
    folder = tmp_path_factory.mktemp("clean") / "env"
    assert run(sys.executable, "-m", "venv", "--without-pip", folder).returncode == 0
    python = folder / "bin" / "python"
    installed = run(
        *(sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--offline", "--python", python),
        *wheels.values(),
    )
    assert installed.returncode == 0, installed.stderr
    # a path that is added like this has its own .pth files ignored: our editable packages stay out
    (site(folder) / "third-party.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def site(folder):
    (found,) = folder.glob("lib/python*/site-packages")
    return found


def test_there_is_a_wheel_of_every_package(wheels):
    assert sorted(wheels) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_holds_its_own_package_with_types_and_metadata(wheels, name):
    with zipfile.ZipFile(wheels[name]) as wheel:
        files = [file for file in wheel.namelist() if ".dist-info/" not in file]
        (meta,) = (file for file in wheel.namelist() if file.endswith(".dist-info/METADATA"))
        said = email.message_from_bytes(wheel.read(meta))
    assert {file.split("/")[1] for file in files if file.startswith("ferry/")} == {name}
    assert all(file.startswith("ferry/") for file in files), files
    assert f"ferry/{name}/py.typed" in files
    assert (said["Name"], said["Version"]) == (f"ferry-{name}", VERSION)
    assert (said["Requires-Python"], said["License-Expression"]) == (">=3.11", "Apache-2.0")
    assert said["Summary"]


def test_all_import_from_the_wheels(clean):
    code = f"import importlib\nfor name in {NAMES}: print(importlib.import_module('ferry.' + name).__file__)"
    done = run(clean / "python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(clean.parent)) for line in done.stdout.splitlines()), done.stdout


@pytest.mark.parametrize("command", [("ferry", "--version"), ("ferry-sandbox", "--help")])
def test_a_console_script_works(clean, command):
    done = run(clean / command[0], *command[1:])
    assert done.returncode == 0, done.stderr
    assert VERSION in done.stdout or "--port" in done.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_script_starts_it(clean, service):
    done = run(clean / f"ferry-{service}")
    assert done.returncode == 2, done.stderr
    assert "FERRY_NATS" in done.stderr
    assert "Traceback" not in done.stderr


def test_they_work_beside_the_other_project_named_ferry(clean):
    """Both share one folder. `ferry` runs the one installed last; `python -m ferry.client` is always ours."""
    assert not OLD & set(NAMES)
    init = site(clean.parent) / "ferry" / "__init__.py"
    init.write_text("__version__ = '0.3.3.4'\n")
    try:
        done = run(clean / "python", "-m", "ferry.client", "--version")
        assert VERSION in done.stdout, done.stderr
        code = f"import importlib\nfor name in {NAMES}: importlib.import_module('ferry.' + name)"
        done = run(clean / "python", "-c", code)
        assert done.returncode == 0, done.stderr
    finally:
        init.unlink()
