"""`make run` and `make demo`: everything on this machine, kept by honcho, on free ports.

Real clouds are taken from the environment or `.env`; without them the sandbox plays both.
"""

import argparse
import fcntl
import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values
from honcho.manager import Manager
from ports import HOST, PortError, Ports

ROOT = Path(__file__).resolve().parent.parent
RUN = Path(os.environ.get("RUN_DIR", ROOT / ".run"))
BIN = Path(sys.executable).parent
SERVICES = ("auth", "registry", "telemetry", "otosense", "console")
SANDBOX_ACCOUNT = {
    "FERRY_THINGPLUS__CLIENT_ID": "testClientId",
    "FERRY_THINGPLUS__CLIENT_SECRET": "testClientPwd12!@",
    "FERRY_THINGPLUS__USERNAME": "serviceadmin",
    "FERRY_THINGPLUS__PASSWORD": "sandbox-password",
    "FERRY_OTOSENSE__CLIENT_ID": "demo-client",
    "FERRY_OTOSENSE__CLIENT_SECRET": "demo-secret",
}
URLS = ("FERRY_THINGPLUS__URL", "FERRY_OTOSENSE__URL")
SECRET_WORDS = ("SECRET", "PASSWORD", "KEY", "SEED", "USERNAME", "CLIENT_ID", "TOKENS")


def settings() -> dict[str, str]:
    given = {key: value for key, value in dotenv_values(ROOT / ".env").items() if value}
    return {**given, **{key: value for key, value in os.environ.items() if key.startswith("FERRY_")}}


def public(environment: dict[str, str]) -> dict[str, str]:
    """What every process may see: only auth is given the accounts of the clouds."""
    return {
        key: value
        for key, value in environment.items()
        if not key.startswith(("FERRY_THINGPLUS__", "FERRY_OTOSENSE__", "FERRY_CONSOLE__"))
        or not any(word in key for word in SECRET_WORDS)
    }


@contextmanager
def bus(ferry: dict[str, str], home: Path, ports: Ports) -> Iterator[None]:
    """A nats-server of our own, unless one is named: there before all others and gone after them."""
    if "FERRY_NATS__URL" in ferry:
        yield
        return
    port = ports.named("NATS_PORT", os.environ.get("NATS_PORT"))
    ferry["FERRY_NATS__URL"] = f"nats://{HOST}:{port}"
    name = f"ferry-suite-{os.getpid()}-{secrets.token_hex(4)}"
    where = ["-a", HOST, "-p", str(port), "-n", name]
    kept = ["-js", "-sd", str(home / "nats"), "-l", str(home / "nats.log")]
    # a session of its own: a Ctrl-C is for the services first
    server = subprocess.Popen([str(BIN / "nats-server"), *where, *kept], start_new_session=True)
    try:
        wait_for(server, port, name)
        yield
    finally:
        server.terminate()
        server.wait(timeout=10)


def wait_for(server: subprocess.Popen[bytes], port: int, name: str) -> None:
    """Waits until the server of this name answers, so that no other server's streams are changed."""
    for _ in range(200):
        if server.poll() is not None:
            sys.exit(f"nats-server ended with {server.returncode}: see nats.log in {RUN}")
        if (answers := name_of_server(port)) == name:
            return
        if answers is not None:
            sys.exit(
                f"port {port} belongs to another NATS server ({answers!r}): set NATS_PORT to another one"
            )
        time.sleep(0.05)
    sys.exit(f"nats-server does not listen on port {port}")


def name_of_server(port: int) -> str | None:
    """What a NATS server says first is `INFO {…}`. None when nothing listens."""
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            said = connection.makefile("rb").readline(64 * 1024)
            return str(json.loads(said.removeprefix(b"INFO "))["server_name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def lay_topology(ferry: dict[str, str]) -> None:
    command = [sys.executable, "-m", "ferry.client", "topology"]
    done = subprocess.run(command, env={**os.environ, **ferry}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)


def chosen(*, demo: bool) -> tuple[dict[str, str], Path]:
    ferry = settings()
    ferry.setdefault("FERRY_LOG__FORMAT", "console")
    ferry.setdefault("FERRY_LOG__LEVEL", "warning" if demo else "info")
    home = RUN / ("demo" if demo else "run")
    keep_others_out(home)
    if demo:
        shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    return ferry, home


def keep_others_out(home: Path) -> None:
    """Until this process ends: a second suite in this folder would take the first one's files away."""
    RUN.mkdir(parents=True, exist_ok=True)
    lock = os.open(home.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"suite: another one runs in {home}: end it first, or set RUN_DIR to another folder")


def console_settings(ferry: dict[str, str], home: Path, ports: Ports) -> dict[str, str]:
    """Settings for the console only: who may sign in. By default one token for this run, in a file."""
    given = {key: value for key, value in ferry.items() if key.startswith("FERRY_CONSOLE__")}
    port = str(ports.named("FERRY_CONSOLE__PORT", given.get("FERRY_CONSOLE__PORT")))
    ferry["CONSOLE_URL"] = f"http://127.0.0.1:{port}"
    chosen = {"FERRY_CONSOLE__HOST": "127.0.0.1", **given, "FERRY_CONSOLE__PORT": port}
    if any(key.startswith(("FERRY_CONSOLE__TOKENS", "FERRY_CONSOLE__PROXIES")) for key in given):
        return chosen
    file = home / "console-token"
    file.touch(mode=0o600)
    file.write_text(token := secrets.token_urlsafe(24))
    ferry["CONSOLE_TOKEN_FILE"] = str(file)
    return {**chosen, "FERRY_CONSOLE__TOKENS__YOU": token}


def build(ferry: dict[str, str], home: Path, ports: Ports, *, demo: bool) -> tuple[Manager, Path]:
    manager = Manager()
    base = {key: value for key, value in os.environ.items() if not key.startswith("FERRY_")}
    base["PYTHONUNBUFFERED"] = "1"

    def add(name: str, command: list[str], environment: dict[str, str]) -> None:
        manager.add_process(name, "exec " + shlex.join(command), env={**base, **environment}, cwd=str(ROOT))

    python = [sys.executable, "-m"]
    if demo or not any(ferry.get(url) for url in URLS):
        port = str(ports.named("SANDBOX_PORT", os.environ.get("SANDBOX_PORT")))
        sandbox = f"http://127.0.0.1:{port}"
        ferry |= {**SANDBOX_ACCOUNT, URLS[0]: f"{sandbox}/v2", URLS[1]: f"{sandbox}/otosense"}
        ferry["SANDBOX_URL"] = sandbox
        # it keeps the fleet as the registry does: else that would know gateways that the cloud does not
        kept = ["--state-dir", str(home / "sandbox")]
        add("sandbox", [*python, "ferry.sandbox", "--port", port, *kept], {})
    only = {"auth": ferry, "console": console_settings(ferry, home, ports)}
    for service in SERVICES:
        port = str(ports.free())
        ferry[f"READY_{service.upper()}"] = f"http://127.0.0.1:{port}/readyz"
        seen = {**public(ferry), **only.get(service, {})}
        seen = {**seen, "FERRY_HEALTH__PORT": port, "FERRY_HEALTH__HOST": "127.0.0.1"}
        add(service, [*python, f"ferry.{service}"], seen)
    result = home / "result"
    result.unlink(missing_ok=True)
    driver = ["scripts/demo.py", str(result)] if demo else ["scripts/ready.py"]
    add("demo" if demo else "ready", [sys.executable, *driver], public(ferry))
    return manager, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", action="store_true")
    demo = parser.parse_args().demo
    ports = Ports()
    ferry, home = chosen(demo=demo)
    try:
        with bus(ferry, home, ports):
            lay_topology(ferry)
            manager, result = build(ferry, home, ports, demo=demo)
            manager.loop()
    except PortError as error:
        sys.exit(f"suite: {error}")
    if demo and result.exists():
        print(result.read_text().strip(), flush=True)
    code = manager.returncode or 0
    sys.exit(0 if code in (130, 143) and not demo else code)


if __name__ == "__main__":
    main()
