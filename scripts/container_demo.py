"""The demo through the containers: `scripts/container_demo.py`, after `scripts/build_images.py`.

Every service runs read-only, as nobody, without capabilities, on a network of its own, against a nats-server with
the configuration and permissions of deploy/nats; publishers use accounts that `ferry publisher` makes. All of
it is removed at the end. `NATS_IMAGE` names another image of nats-server, `DEMO_SECONDS` the length (10 unless set).
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from build_images import SERVICES, tag
from container_engine import Engine, NoEngineError, cpu_s, find, process_status
from demo import play, summary, tracks
from ports import Ports
from ready import until_ready
from suite import SANDBOX_ACCOUNT

from ferry.client.publishers import Folder, add
from ferry.client.settings import NatsSettings

PORTS = Ports()
ROOT = Path(__file__).resolve().parent.parent
NATS_IMAGE = os.environ.get("NATS_IMAGE") or "docker.io/library/nats:2.15"
NATS_USERS = ("sys", "topology", *SERVICES, "operator")
LIMIT_S = 300
NOBODY = "65532"
CONFINED = {"CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2"}
CONFINEMENT = (
    *("--user", f"{NOBODY}:{NOBODY}", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--tmpfs", "/tmp:rw,size=16m,mode=1777"),  # noqa: S108 - the container's own
)


class Stage:
    """A network and the containers on it, named after this run; `close` removes them."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.network = f"ferry-{secrets.token_hex(4)}"
        self.passwords = {user: f"p{secrets.token_hex(16)}" for user in NATS_USERS}
        self.names: list[str] = []
        engine.call("network", "create", self.network)

    def container(self, name: str) -> str:
        return f"{self.network}-{name}"

    def run(
        self,
        name: str,
        image: str,
        *options: str,
        command: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
    ) -> str:
        """`env` is handed over by name, so that no value stands in an argument list."""
        variables = [word for key in env or {} for word in ("--env", key)]
        self.names.append(name)
        return self.engine.call(
            *("run", "--name", self.container(name), "--network", self.network, "--network-alias", name),
            *(*self.engine.read_only, *CONFINEMENT, *variables, *options, image, *command),
            env={**os.environ, **(env or {})},
        )

    def secrets(self, name: str, values: dict[str, str]) -> tuple[str, str]:
        """A file a variable, as Kubernetes mounts a Secret."""
        folder = self.folder / "secrets" / name
        folder.mkdir(parents=True)
        for key, value in values.items():
            (folder / key).write_text(value)
            (folder / key).chmod(0o444)
        return "--volume", f"{folder}:/run/secrets/ferry:ro"

    def pid(self, name: str) -> int:
        return int(self.engine.call("inspect", "--format", "{{.State.Pid}}", self.container(name)))

    def logs(self, name: str) -> str:
        return self.engine.logs(self.container(name))

    def close(self) -> None:
        for name in reversed(self.names):
            self.engine.call("rm", "--force", "--volumes", self.container(name))
        self.engine.call("network", "rm", self.network)


def start_nats(stage: Stage) -> tuple[int, NatsSettings]:
    """The port on this machine, and who publishes the example's gateways."""
    config, seeds = stage.folder / "nats", stage.folder / "publisher"
    shutil.copytree(ROOT / "deploy" / "nats", config)
    add(Folder(config / "publishers"), "weather", sorted({track.gateway for track in tracks()}), seeds)
    port = PORTS.free()
    stage.run(
        *("nats", NATS_IMAGE, "--detach", "--publish", f"127.0.0.1:{port}:4222"),
        *("--volume", f"{config}:/etc/nats:ro", "--tmpfs", "/data:rw,size=512m,mode=1777"),
        command=("-c", "/etc/nats/ferry.conf"),
        env={
            "FERRY_NATS_SERVER_NAME": "ferry",
            **{f"FERRY_NATS_{user.upper()}_PASSWORD": word for user, word in stage.passwords.items()},
        },
    )
    url = f"nats://127.0.0.1:{port}"
    publisher = NatsSettings(
        url=url,
        nkey_seed=(seeds / "FERRY_NATS__NKEY_SEED").read_text(),
        inbox_prefix=(seeds / "FERRY_NATS__INBOX_PREFIX").read_text(),
    )
    return port, publisher


def listening(port: int) -> None:
    """Waits for NATS's first words. Raises TimeoutError after 20 s."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as found:
                found.settimeout(2)
                if found.recv(4) == b"INFO":
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise TimeoutError("nats-server does not answer")


def start_ferry(stage: Stage) -> None:
    """The topology's job to its end, then the sandbox and the services."""
    settings = {"FERRY_NATS__URL": "nats://nats:4222"}
    password = {user: {"FERRY_NATS__PASSWORD": word} for user, word in stage.passwords.items()}
    stage.run(
        *("topology", tag("cli"), *stage.secrets("topology", password["topology"])),
        env={**settings, "FERRY_NATS__USER": "topology"},
        command=("topology",),
    )
    port = PORTS.free()
    os.environ["SANDBOX_URL"] = f"http://127.0.0.1:{port}"
    stage.run(
        *("sandbox", tag("sandbox"), "--detach", "--publish", f"127.0.0.1:{port}:8090"),
        command=("--host", "0.0.0.0", "--port", "8090"),
    )
    settings |= {
        "FERRY_THINGPLUS__URL": "http://sandbox:8090/v2",
        "FERRY_OTOSENSE__URL": "http://sandbox:8090/otosense",
    }
    sealing = {**SANDBOX_ACCOUNT, "FERRY_AUTH__ENCRYPTION_KEY": secrets.token_hex(32)}
    only = {"auth": sealing, "console": {"FERRY_CONSOLE__TOKENS__DEMO": secrets.token_hex(32)}}
    for name in SERVICES:
        port = PORTS.free()
        os.environ[f"READY_{name.upper()}"] = f"http://127.0.0.1:{port}/readyz"
        known = {**password[name], **only.get(name, {})}
        stage.run(
            *(name, tag(name), "--detach", "--publish", f"127.0.0.1:{port}:8080"),
            *stage.secrets(name, known),
            env={**settings, "FERRY_NATS__USER": name},
        )


def check_confined(stage: Stage) -> None:
    """Raises RuntimeError when a container can do more than it must, by the kernel's word, or says it is ill."""
    for name in ("nats", "sandbox", *SERVICES):
        status = process_status(stage.pid(name))
        expected = {"Uid": "\t".join([NOBODY] * 4), **CONFINED}
        if (found := {key: status[key] for key in expected}) != expected:
            raise RuntimeError(f"{name} is not confined: {found}")
        mounts = Path(f"/proc/{stage.pid(name)}/mountinfo").read_text().splitlines()
        (flags,) = [line.split()[5] for line in mounts if line.split()[4] == "/"]
        if "ro" not in flags.split(","):
            raise RuntimeError(f"{name} can write its root: {flags}")
        if name in SERVICES and not stage.engine.healthy(stage.container(name)):
            raise RuntimeError(f"{name}'s health check fails")


@contextmanager
def measured(stage: Stage) -> Iterator[None]:
    """Prints what each container took: its peak of resident memory, its CPU over the context's time."""
    names = (*SERVICES, "sandbox", "nats")
    before = {name: cpu_s(stage.pid(name)) for name in names}
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    print(f"{'':10} {'peak RSS':>9} {'CPU':>7}   over {took:.0f} s")
    for name in names:
        peak = int(process_status(stage.pid(name))["VmHWM"].split()[0]) / 1024
        millis = (cpu_s(stage.pid(name)) - before[name]) / took * 1000
        print(f"{name:10} {peak:6.0f} MiB {millis:6.0f}m", flush=True)


async def demo(stage: Stage, publisher: NatsSettings) -> int:
    async with asyncio.timeout(LIMIT_S):
        await until_ready()
        check_confined(stage)
        with measured(stage):
            published, delivered, dead = await play(stage.folder, publisher)
    denied = [line for line in stage.logs("nats").splitlines() if "Violation" in line]
    print("".join(f"denied: {line}\n" for line in denied), end="")
    print("containers " + summary(published, delivered, dead), flush=True)
    return 0 if published and delivered + dead == published and not denied else 1


def run(engine: Engine) -> int:
    os.environ.setdefault("DEMO_SECONDS", "10")
    with ExitStack() as stack:
        stage = Stage(
            engine, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ferry-containers-")))
        )
        stack.callback(stage.close)
        port, publisher = start_nats(stage)
        os.environ |= {
            "FERRY_NATS__URL": f"nats://127.0.0.1:{port}",
            "FERRY_NATS__USER": "operator",
            "FERRY_NATS__PASSWORD": stage.passwords["operator"],
        }
        listening(port)
        start_ferry(stage)
        try:
            return asyncio.run(demo(stage, publisher))
        except (TimeoutError, RuntimeError, SystemExit):
            for name in stage.names:
                print(f"--- {name}\n{stage.logs(name)[-1500:]}", file=sys.stderr)
            raise


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("images: stopped"))
    try:
        engine = find()
        missing = [image for image in (*map(tag, (*SERVICES, "cli", "sandbox")),) if not engine.has(image)]
        if missing:
            sys.exit(f"images: build them first: {', '.join(missing)}")
        code = run(engine)
    except (NoEngineError, RuntimeError, TimeoutError) as error:
        sys.exit(f"images: {error}")
    sys.exit(code)


if __name__ == "__main__":
    main()
