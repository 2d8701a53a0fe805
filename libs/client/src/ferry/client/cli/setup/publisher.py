"""`ferry publisher`: accounts of publishers, in nats-server's configuration folder."""

from pathlib import Path

import click

from ferry.client import publishers
from ferry.client.cli.exits import Exit
from ferry.client.cli.running import in_words
from ferry.client.cli.terminal import as_json, print_json, print_table, say
from ferry.client.publishers import Folder, Made
from ferry.contract.ids import safe_id

RELOAD = "now reload nats-server, twice (docs/operate/index.md)"
_folder = click.option(
    "--publishers",
    "path",
    type=click.Path(path_type=Path),
    default=Path("deploy/nats/publishers"),
    show_default=True,
    help="nats-server's folder of publishers.",
)
_secrets = click.option(
    "--secrets",
    type=click.Path(path_type=Path),
    help="Folder for the publisher's secrets.  [default: .run/publishers/NAME]",
)


def _checked(_: click.Context, __: click.Parameter, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    try:
        for one in (value,) if isinstance(value, str) else value:
            safe_id(one)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


_name = click.argument("name", callback=_checked)


@click.group()
def publisher() -> None:
    """Accounts of publishers, each for its gateways alone."""


@publisher.command()
@_name
@click.argument("gateways", metavar="GATEWAY...", nargs=-1, required=True, callback=_checked)
@click.option("--mqtt", is_flag=True, help="Also create a user and a password for MQTT.")
@_folder
@_secrets
@as_json
def add(
    name: str, gateways: tuple[str, ...], mqtt: bool, path: Path, secrets: Path | None, as_json: bool
) -> None:
    """Add a publisher for these gateways. Safe to repeat."""
    kept = secrets or _kept(name)
    made = in_words(lambda: publishers.add(Folder(path), name, gateways, kept, mqtt=mqtt))
    _say(made, kept, "added" if made.changed else "exists already", as_json)


@publisher.command()
@_name
@click.argument("gateways", metavar="[GATEWAY...]", nargs=-1, callback=_checked)
@_folder
@_secrets
@as_json
def rotate(name: str, gateways: tuple[str, ...], path: Path, secrets: Path | None, as_json: bool) -> None:
    """Give a publisher new keys.

    With gateways, it may publish for these instead of the previous ones.

    The old keys are refused once the server reloads: give the publisher its new ones first.
    """
    kept = secrets or _kept(name)
    made = in_words(lambda: publishers.rotate(Folder(path), name, gateways, kept))
    _say(made, kept, "has new keys", as_json)


@publisher.command()
@_name
@_folder
@as_json
def remove(name: str, path: Path, as_json: bool) -> None:
    """Remove a publisher. Readings that it has already published are still delivered."""
    removed = in_words(lambda: publishers.remove(Folder(path), name))
    if as_json:
        print_json({"name": name, "removed": removed})
    elif removed:
        say(f"publisher {name} removed; {RELOAD}: its keys are refused from then on")
    else:
        say(f"there is no publisher {name}")


@publisher.command("list")
@_folder
@as_json
def list_(path: Path, as_json: bool) -> None:
    """List publishers. Exit code 1 if the server's folder is inconsistent."""
    found = in_words(lambda: Folder(path).listed())
    rows = [
        {
            "name": one.name,
            "gateways": list(one.account.gateways) if one.account else [],
            "publicKey": one.account.public_key if one.account else None,
            "mqtt": bool(one.account and one.account.mqtt_hash),
            "problem": one.problem,
        }
        for one in found
    ]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("publisher", "public key", "MQTT", "gateways", "note"),
            [
                (row["name"], row["publicKey"], "yes" if row["mqtt"] else "", " ".join(one), row["problem"])
                for row in rows
                if isinstance(one := row["gateways"], list)
            ],
        )
    else:
        say("no publishers; `ferry publisher add NAME GATEWAY...` adds one")
    raise SystemExit(Exit.FAILED if any(row["problem"] for row in rows) else 0)


def _kept(name: str) -> Path:
    return Path(".run/publishers") / name


def _say(made: Made, kept: Path, what: str, as_json: bool) -> None:
    account = made.account
    if as_json:
        print_json(
            {
                "name": account.name,
                "gateways": list(account.gateways),
                "publicKey": account.public_key,
                "changed": made.changed,
                "secrets": str(kept),
            }
        )
        return
    say(f"publisher {account.name} {what}: {' '.join(account.gateways)}")
    say(f"its secrets are in {kept}" + (f"; {RELOAD}" if made.changed else ""))
