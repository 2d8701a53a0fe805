"""Makes a new publisher's account: `scripts/make_publisher.py NAME GATEWAY...`.

Its nkey seed goes into a file that only its owner reads (`<secrets>/FERRY_NATS__NKEY_SEED`, beside it the
user's inbox prefix); the server's configuration gets the public key alone. With `--mqtt` there is a user for MQTT
as well: `MQTT_USER` and `MQTT_PASSWORD`, of which the server gets a hash. Reload the server twice afterwards.
"""

import argparse
import os
import secrets as random
import sys
from pathlib import Path

import nkeys  # type: ignore[import-untyped]

from ferry.contract.ids import safe_id

PUBLISHERS = Path(__file__).resolve().parent.parent / "deploy" / "nats" / "publishers"


def account(name: str, public_key: str, gateways: list[str], mqtt_hash: str | None = None) -> str:
    """An account that imports its gateways' subjects and nothing else; permissions say it once more."""
    subjects = [f"ferry.v1.gateways.{safe_id(gateway)}.>" for gateway in gateways]
    imports = "\n".join(
        f'    {{ service: {{ account: FERRY, subject: "{subject}" }} }}' for subject in subjects
    )
    allowed = ", ".join(f'"{subject}"' for subject in subjects)
    mqtt_user = mqtt_jetstream = ""
    if mqtt_hash:
        # the server keeps MQTT sessions in streams of the account, which this user cannot reach by itself
        mqtt_jetstream = (
            "  jetstream: { max_memory: 1MB, max_file: 16MB, max_streams: 8, max_consumers: 64 }\n"
        )
        mqtt_user = f"""
    {{
      user: "mqtt-{name}", password: "{mqtt_hash}", allowed_connection_types: [ "MQTT" ]
      permissions: {{ publish: {{ allow: [ {allowed} ] }}, subscribe: {{ deny: ">" }} }}
    }}"""
    return f"""PUBLISHER_{safe_id(name)} {{
{mqtt_jetstream}  imports: [
{imports}
  ]
  users: [
    {{
      nkey: "{public_key}", allowed_connection_types: [ "STANDARD", "WEBSOCKET" ]
      permissions: {{
        publish: {{ allow: [ {allowed} ] }}
        subscribe: {{ allow: [ "_INBOX_{safe_id(name)}.>" ] }}
      }}
    }}{mqtt_user}
  ]
  limits: {{ max_connections: 16, max_subscriptions: 64 }}
}}
"""


def make(name: str, gateways: list[str], publishers: Path, secrets: Path, *, mqtt: bool = False) -> None:
    """Writes the fragment and the secrets. Raises ValueError for an unsafe id, FileExistsError for a known name."""
    fragment = publishers / f"{safe_id(name)}.conf"
    if fragment.exists():
        raise FileExistsError(f"{fragment} is there already: remove it and its line in index.conf first")
    for kept in ("FERRY_NATS__NKEY_SEED", "MQTT_PASSWORD"):
        if (secrets / kept).exists():
            raise FileExistsError(
                f"{secrets / kept} is there already: move it away, or name another --secrets"
            )
    if not (publishers / "index.conf").is_file():
        raise FileNotFoundError(f"{publishers} has no index.conf: --publishers names deploy/nats/publishers")
    seed = nkeys.encode_seed(random.token_bytes(32), nkeys.PREFIX_BYTE_USER)
    password = random.token_urlsafe(32) if mqtt else None
    text = account(name, nkeys.from_seed(seed).public_key.decode(), gateways, password and _hashed(password))
    secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    _keep(secrets / "FERRY_NATS__NKEY_SEED", seed)
    if password:
        _keep(secrets / "MQTT_PASSWORD", password.encode())
        (secrets / "MQTT_USER").write_text(f"mqtt-{name}")
    (secrets / "FERRY_NATS__INBOX_PREFIX").write_text(f"_INBOX_{name}")
    fragment.write_text(text)
    with (publishers / "index.conf").open("a") as index:
        index.write(f'include "{fragment.name}"\n')


def _hashed(password: str) -> str:
    """What a password of 256 random bits needs: the cheapest, so that many reconnecting at once cost no server."""
    import bcrypt  # noqa: PLC0415 - for MQTT alone; the image of `ferry` has none

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()


def _keep(file: Path, secret: bytes) -> None:
    """A file that only its owner reads, and that was not there before."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(secret)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("gateways", nargs="+")
    parser.add_argument(
        "--publishers", type=Path, default=PUBLISHERS, help="folder of the server's fragments"
    )
    parser.add_argument("--secrets", type=Path, help="folder for the seed (default .run/publishers/NAME)")
    parser.add_argument("--mqtt", action="store_true", help="a user and a password for MQTT, too")
    chosen = parser.parse_args()
    try:
        secrets = chosen.secrets or Path(".run/publishers") / safe_id(chosen.name)
        make(chosen.name, chosen.gateways, chosen.publishers, secrets, mqtt=chosen.mqtt)
    except ModuleNotFoundError:
        sys.exit("make_publisher: --mqtt needs the Python package bcrypt: run it from the repository's .venv")
    except (ValueError, OSError) as error:
        sys.exit(f"make_publisher: {error}")
    print(f"made: secrets in {secrets}, account in {chosen.publishers}; now reload nats-server, twice")


if __name__ == "__main__":
    main()
