"""deploy/nats for tests: production's configuration, but for ports, store, and the fsync they needn't wait for."""

import shutil
from pathlib import Path

import certificates

from ferry.client.publishers import Folder, add

DEPLOY = Path(__file__).resolve().parents[3] / "deploy" / "nats"
USERS = ("sys", "topology", "auth", "registry", "telemetry", "otosense", "operator", "console")
PUBLISHERS = {
    "alice": ["alice-gateway", "00000000000040008000000000000a1c"],  # the sandbox's gateway model takes UUIDs
    "bob": ["bob-gateway"],
    "plant": [
        "elsewhere",
        "87cd2a6e407511e7922eb724f8803770",
        *(f"gateway-{number}" for number in range(64)),
    ],
}
MQTT = frozenset({"alice", "plant"})
"""Publishers that may come by MQTT, too."""
HARNESS = "harness"
"""Who connects without a name: it lays fleets and looks at streams. No service and no publisher is it."""
LOOPBACK = "127.0.0.1"


def password(user: str) -> str:
    return f"password-of-{user}"


def server_env(name: str) -> dict[str, str]:
    passwords = {f"FERRY_NATS_{user.upper()}_PASSWORD": password(user) for user in USERS}
    return {**passwords, "FERRY_NATS_SERVER_NAME": name}


def lay_out(folder: Path, *, harness: bool = True) -> Path:
    """The configuration's folder with publishers made, and the seeds beside it in `secrets/<publisher>`."""
    conf = folder / "conf"
    shutil.copytree(DEPLOY, conf, dirs_exist_ok=True)
    for name, gateways in PUBLISHERS.items():
        add(Folder(conf / "publishers"), name, gateways, folder / "secrets" / name, mqtt=name in MQTT)
    for file, port in (("mqtt.conf", 8883), ("websocket.conf", 8443)):
        change(conf / file, f"port: {port}", f'listen: "{LOOPBACK}:-1"')  # a free one, which the log names
    if harness:
        everything = f'{{ user: "{HARNESS}", password: "{password(HARNESS)}" }}'
        change(conf / "permissions.conf", "users: [\n      {\n", f"users: [\n      {everything}\n      {{\n")
    return conf


def server_file(
    conf: Path,
    name: str,
    port: int,
    store: Path,
    *,
    harness: bool = True,
    extra: str = "",
    fsync: bool = False,
) -> Path:
    """One server's own file in the laid out folder; `extra` is configuration to add."""
    file = conf / f"{name}.conf"
    shutil.copy(conf / "ferry.conf", file)
    change(file, "port: 4222", f'listen: "{LOOPBACK}:{port}"')
    change(file, 'http: "0.0.0.0:8222"', "")
    change(file, '"/data"', f'"{store}"')
    if not fsync:
        change(file, "sync_interval: always", "")
    whom = f'no_auth_user: "{HARNESS}"\n' if harness else ""
    file.write_text(f"{file.read_text()}\n{whom}{extra}")
    return file


def production_file(conf: Path, name: str, route_port: int, *listeners: str) -> Path:
    """production.conf around the server's own file; `listeners` are lines that it has as comments."""
    file = conf / f"{name}-production.conf"
    shutil.copy(conf / "production.conf", file)
    change(file, 'include "ferry.conf"', f'include "{name}.conf"')
    change(file, "port: 6222", f'listen: "{LOOPBACK}:{route_port}"')
    for line in listeners:
        change(file, f"# {line}", line)
    return file


def with_certificates(conf: Path, folder: Path) -> Path:
    """Real certificates for 127.0.0.1, where tls.conf finds them; the file of their authority."""
    certificates.write_server(folder, LOOPBACK)
    change_all(conf / "tls.conf", "/etc/nats/tls", str(folder))
    return folder / "ca.crt"


def change_all(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file.name} no longer has {old!r}"
    file.write_text(text.replace(old, new))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name} no longer has {old!r} once"
    file.write_text(text.replace(old, new))
