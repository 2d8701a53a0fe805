"""The wheel by itself: in a virtual environment that has nothing else of Ferry, with one command."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest
import requests
from guide_client import demo_at

ROOT = Path(__file__).parents[3]
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder,
        ROOT / "services" / "sandbox")  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of a new virtual environment."""
    environment = tmp_path_factory.mktemp("environment")
    run(UV, "venv", "--quiet", "--clear", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    install = (UV, "pip", "install", "--quiet", "--python", python)
    run(*install, "--require-hashes", "-r", ROOT / "requirements" / "sandbox.txt")
    run(*install, "--no-deps", wheel)
    return environment / "bin" / "ferry-sandbox"


@contextmanager
def listening(command: Path, folder: Path) -> Iterator[str]:
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    started = [str(command), "--port", "0"]
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True, cwd=folder, env=plain) as process:
        assert process.stdout is not None
        try:
            yield str(json.loads(process.stdout.readline())["url"])
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_the_wheel_brings_the_sandbox_with_its_pages_and_documents_alone(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    code = [name for name in names if ".dist-info/" not in name]
    assert {name.rsplit(".", 1)[-1] for name in code} >= {"py", "yaml", "html", "js", "css"}
    assert all(name.startswith("ferry/sandbox/") for name in code)


def test_one_command_serves_both_clouds_without_the_rest_of_ferry(command: Path, tmp_path: Path) -> None:
    other = subprocess.run(
        [command.with_name("python"), "-c", "import ferry.contract"], capture_output=True, check=False
    )
    assert b"ModuleNotFoundError" in other.stderr
    assert run(command, "--version", cwd=tmp_path).startswith("ferry-sandbox ")
    with listening(command, tmp_path) as url:
        demo = demo_at(url)
        demo.login()
        gateway = demo.gateway()
        sensor = demo.sensor(gateway, demo.device(gateway))
        demo.ok("PUT", f"/gateways/{gateway}/sensors/{sensor}/series", {"value": "36.5", "time": 1})
        grant = {"grant_type": "client_credentials"}
        token = requests.post(f"{url}/otosense/oauth/token", auth=demo.otosense, data=grant, timeout=10)
        assert token.status_code == 200
        for page in ("/", "/page.js", "/docs/thingplus", "/openapi/thingplus.json", "/openapi/otosense.json"):
            assert requests.get(url + page, timeout=10).status_code == 200
        demo.http.close()


def test_the_readme_is_five_lines_with_the_accounts_that_work() -> None:
    readme = (ROOT / "services" / "sandbox" / "README.md").read_text()
    first = readme.split("\n## ")[0].strip().splitlines()[2:]
    assert len(first) == 5
    demo = demo_at("http://nowhere")
    accounts = (demo.username, demo.password, demo.client_id, demo.client_secret, *demo.otosense)
    assert [word for word in accounts if f"`{word}`" not in "\n".join(first)] == []
