"""docker-compose.yml on a real engine, as docs/deploy/compose.md says: FERRY_COMPOSE=1, with a Docker daemon.

The images of `make images` are used where they are there; otherwise Compose builds them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from harness.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = Path(sys.executable).parent / "docker-compose"
GATEWAY, SENSOR = "5ea771e0000000000000000000000001", "seattle-temperature"
PORTS = ("NATS", "SANDBOX", "CONSOLE")
pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("FERRY_COMPOSE"),
        reason="COMPOSE WAS NOT RUN ON AN ENGINE: FERRY_COMPOSE=1 does it (minutes; a Docker daemon)",
    ),
    pytest.mark.timeout(1800),
]


class Project:
    """A clone with a .env, and Compose in it."""

    def __init__(self, folder):
        self.folder, self.name = folder, f"ferry-test-{uuid.uuid4().hex[:8]}"
        self.ports = {name: free_port() for name in PORTS}
        files = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for name in filter(None, files.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        subprocess.run(["scripts/make-env.sh"], cwd=folder, check=True, capture_output=True)
        with (folder / ".env").open("a") as env:
            env.writelines(f"FERRY_{name}_PORT={port}\n" for name, port in self.ports.items())

    def run(self, *words, **variables):
        env = {**os.environ, "COMPOSE_PROJECT_NAME": self.name, **variables}
        return subprocess.run(
            [str(COMPOSE), *words],
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def done(self, *words, **variables):
        """What it printed. Raises AssertionError with the end of the services' logs."""
        done = self.run(*words, **variables)
        if done.returncode:
            logs = self.run("logs", "--tail", "20").stdout[-6000:]
            raise AssertionError(f"{' '.join(words)}: {done.stderr[-3000:]}{done.stdout[-2000:]}\n{logs}")
        return done.stdout

    def ferry(self, *words):
        return self.done("run", "--rm", "-T", "ferry", *words)

    def docker(self, *words):
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def container(self, service):
        return self.done("ps", "--quiet", service).split()[0]

    def delivered(self):
        """Counted by telemetry."""
        return sum(
            one["delivered"] for one in json.loads(self.ferry("status", "--json"))["telemetry"]["replicas"]
        )


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    yield made
    made.run("--profile", "tools", "down", "--volumes", "--remove-orphans", "--timeout", "20")


def until(condition, what, attempts=60):
    for _ in range(attempts):
        if found := condition():
            return found
        subprocess.run(["sleep", "1"], check=True)
    raise AssertionError(what)


def publish(project, secrets, value):
    """As the publisher, from this machine."""
    env = {key: word for key, word in os.environ.items() if not key.startswith("FERRY_")}
    env |= {"FERRY_SECRETS_DIR": str(secrets), "FERRY_NATS__URL": f"nats://127.0.0.1:{project.ports['NATS']}"}
    ferry = Path(sys.executable).parent / "ferry"
    command = [str(ferry), "publish", "series", GATEWAY, SENSOR, value]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_from_the_start_to_the_removal(project):
    project.done("up", "-d", "--wait", "--wait-timeout", "300")
    for service in ("nats", "telemetry", "sandbox"):
        inspected = json.loads(project.docker("inspect", project.container(service)))[0]
        assert inspected["Config"]["User"] == "65532:65532", service
        host = inspected["HostConfig"]
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["Memory"] > 0) == (True, ["ALL"], True)
        assert host["LogConfig"]["Config"]["max-size"] == "10m"
    shutil.copytree(project.folder / "examples", project.folder / "fleet")
    project.done(
        *("run", "--rm", "-T", "-v", f"{project.folder}/fleet:/work:ro", "-w", "/work"),
        *("ferry", "apply", "fleet.yaml", "--yes"),
    )
    assert SENSOR in project.ferry("sensors", "list")

    (project.folder / ".run" / "publishers").mkdir(parents=True)
    add = ("run", "--rm", "-T", "--user", f"{os.getuid()}:{os.getgid()}", "publisher", "add", "shop", GATEWAY)
    project.done(*add)
    again = project.done(*add)
    assert "Traceback" not in again
    for _ in range(2):
        project.done("kill", "-s", "HUP", "nats")
        subprocess.run(["sleep", "1"], check=True)
    secrets = project.folder / ".run" / "publishers" / "shop"
    publish(project, secrets, "36.5")
    until(lambda: project.delivered() >= 1, "a reading is delivered")

    project.done("down", "--timeout", "30")
    project.done("up", "-d", "--wait", "--wait-timeout", "300")
    assert SENSOR in project.ferry("sensors", "list"), "the registry's bucket is kept"
    publish(project, secrets, "37.5")
    until(lambda: project.delivered() >= 1, "the sandbox knows its fleet after down and up")
    assert json.loads(project.ferry("dead", "list", "--json")) in ([], {"letters": []}) or not re.search(
        r"unknown", project.ferry("dead", "list")
    )
    project.done("up", "-d", "--wait", "--scale", "telemetry=2")
    until(
        lambda: len(json.loads(project.ferry("status", "--json"))["telemetry"]["replicas"]) == 2,
        "two replicas share the partitions",
    )


def test_wait_does_not_call_a_broken_sandbox_well(project):
    done = project.run(
        "up", "-d", "--wait", "--wait-timeout", "90", "sandbox", FERRY_SANDBOX__SCENARIO="no-such-scenario"
    )
    assert done.returncode != 0


def test_a_password_of_digits_is_refused_in_words(project):
    env = project.folder / ".env"
    env.write_text(
        re.sub(
            r"(?m)^FERRY_NATS_AUTH_PASSWORD=.*$", "FERRY_NATS_AUTH_PASSWORD=1234567890123456", env.read_text()
        )
    )
    done = project.run("up", "-d", "--wait", "--wait-timeout", "90", "nats")
    assert done.returncode != 0
    assert "FERRY_NATS_AUTH_PASSWORD is digits alone" in project.run("logs", "nats-data").stdout
