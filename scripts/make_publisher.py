"""Makes a new publisher's account: `scripts/make_publisher.py NAME GATEWAY...`.

Its nkey seed goes into a file that only its owner reads (`<secrets>/FERRY_NATS__NKEY_SEED`, beside it the
user's inbox prefix); the server's configuration gets the public key alone. Reload the server afterwards.
"""

import argparse
import os
import secrets as random
import sys
from pathlib import Path

import nkeys  # type: ignore[import-untyped]

from ferry.contract.ids import safe_id

PUBLISHERS = Path(__file__).resolve().parent.parent / "deploy" / "nats" / "publishers"


def account(name: str, public_key: str, gateways: list[str]) -> str:
    """An account that imports its gateways' subjects and nothing else; permissions say it once more."""
    subjects = [f"ferry.v1.gateways.{safe_id(gateway)}.>" for gateway in gateways]
    imports = "\n".join(
        f'    {{ service: {{ account: FERRY, subject: "{subject}" }} }}' for subject in subjects
    )
    allowed = ", ".join(f'"{subject}"' for subject in subjects)
    return f"""PUBLISHER_{safe_id(name)} {{
  imports: [
{imports}
  ]
  users: [
    {{
      nkey: "{public_key}"
      permissions: {{
        publish: {{ allow: [ {allowed} ] }}
        subscribe: {{ allow: [ "_INBOX_{safe_id(name)}.>" ] }}
      }}
    }}
  ]
  limits: {{ max_connections: 16, max_subscriptions: 64 }}
}}
"""


def make(name: str, gateways: list[str], publishers: Path, secrets: Path) -> None:
    """Writes the fragment and the seed. Raises ValueError for an unsafe id, FileExistsError for a known name."""
    fragment = publishers / f"{safe_id(name)}.conf"
    if fragment.exists():
        raise FileExistsError(f"{fragment} is there already: remove it and its line in index.conf first")
    seed = nkeys.encode_seed(random.token_bytes(32), nkeys.PREFIX_BYTE_USER)
    text = account(name, nkeys.from_seed(seed).public_key.decode(), gateways)
    secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = os.open(secrets / "FERRY_NATS__NKEY_SEED", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(target, "wb") as out:
        out.write(seed)
    (secrets / "FERRY_NATS__INBOX_PREFIX").write_text(f"_INBOX_{name}")
    fragment.write_text(text)
    with (publishers / "index.conf").open("a") as index:
        index.write(f'include "{fragment.name}"\n')


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
    chosen = parser.parse_args()
    try:
        secrets = chosen.secrets or Path(".run/publishers") / safe_id(chosen.name)
        make(chosen.name, chosen.gateways, chosen.publishers, secrets)
    except (ValueError, FileExistsError) as error:
        sys.exit(f"make_publisher: {error}")
    print(f"made: seed in {secrets}, account in {chosen.publishers}; now reload nats-server")


if __name__ == "__main__":
    main()
