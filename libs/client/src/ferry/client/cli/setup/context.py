"""`ferry context`: named connections, of which one is selected."""

from pathlib import Path

import click
from pydantic import ValidationError

from ferry.client.cli.choosing import complete_context
from ferry.client.cli.running import in_words
from ferry.client.cli.terminal import as_json, ask_secret, print_fields, print_json, print_table, say
from ferry.client.contexts import VARIABLE, files, passwords
from ferry.client.contexts.context import Context
from ferry.client.errors import SettingsError

_FILE = click.Path(path_type=Path, resolve_path=True)
_name = click.argument("name", shell_complete=complete_context)


@click.group()
def context() -> None:
    """Named connections: a server, a user, its secrets."""


@context.command()
@_name
@click.option("--server", "url", required=True, help="URL of the server, or several separated by commas.")
@click.option("--user", help="NATS user.")
@click.option("--password-file", type=_FILE, help="File with the user's password.")
@click.option("--keyring", is_flag=True, help="Ask for the password and store it in the desktop's keyring.")
@click.option("--nkey", "nkey_seed_file", type=_FILE, help="File with an nkey seed.")
@click.option("--creds", "credentials_file", type=_FILE, help="Credentials file, as nsc writes it.")
@click.option("--ca", "tls_ca_file", type=_FILE, help="Certificate of the server's authority (PEM).")
@click.option("--inbox-prefix", help="Prefix of reply subjects; default: _INBOX_<user>.")
@click.option("--use", "selected", is_flag=True, help="Also select it.")
@click.option("--replace", is_flag=True, help="Replace a context of this name.")
@as_json
def add(name: str, selected: bool, replace: bool, as_json: bool, **given: object) -> None:
    """Add a context. Its file refers to the files of the secrets and contains none."""
    if files.exists(name) and not replace:
        raise SettingsError.saying(f"the context {name!r} exists already", hint="--replace replaces it")
    made = _made(given)
    if made.keyring:
        passwords.store(name, ask_secret("Password"))
    made.settings(name).options()  # what cannot be used is said now, and not by the next command
    files.save(name, made)
    if selected or not files.current():
        files.select(name)
    now = files.current() == name
    _say(
        {"name": name, "selected": now}, f"context {name} saved" + (", and selected" if now else ""), as_json
    )


def _say(done: dict[str, object], words: str, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        say(words)


def _made(given: dict[str, object]) -> Context:
    if given["password_file"] and given["keyring"]:
        raise click.UsageError("--password-file and --keyring exclude each other")
    if (given["password_file"] or given["keyring"]) and not given["user"]:
        raise click.UsageError("a password needs --user")
    if sum(bool(given[kind]) for kind in ("user", "nkey_seed_file", "credentials_file")) > 1:
        raise click.UsageError("--user, --nkey and --creds exclude each other")
    try:
        return Context.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise click.UsageError(first["msg"].removeprefix("Value error, ")) from None


@context.command()
@_name
@as_json
def use(name: str, as_json: bool) -> None:
    """Select the context that commands use without --context."""
    files.select(name)
    _say({"name": name, "selected": True}, f"context {name} selected", as_json)


@context.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the contexts; the selected one is marked."""
    selected = in_words(files.current)
    rows = [_row(name, selected) for name in files.names()]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("", "context", "server", "user", "note"),
            [("*" if row["selected"] else "", *(row[key] for key in _COLUMNS)) for row in rows],
        )
    else:
        say("no contexts; `ferry context add NAME --server URL` makes one")


_COLUMNS = ("name", "server", "user", "problem")


def _row(name: str, selected: str | None) -> dict[str, object]:
    row: dict[str, object] = {"name": name, "selected": name == selected}
    try:
        found = files.load(name)
    except SettingsError as error:
        return {**row, "server": None, "user": None, "problem": error.problem.title}
    return {**row, "server": found.url, "user": found.user, "problem": None}


@context.command()
@click.argument("name", required=False, shell_complete=complete_context)
@as_json
def show(name: str | None, as_json: bool) -> None:
    """Show a context, by default the selected one. Shows the files of secrets, never their content."""
    wanted = name or files.current()
    if wanted is None:
        raise SettingsError.saying(
            "no context is selected", hint=f"`ferry context use NAME`, or set {VARIABLE}"
        )
    found = files.load(wanted).model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if as_json:
        print_json({"name": wanted, **found})
    else:
        print_fields({"name": wanted, **found}.items())


@context.command()
@_name
@as_json
def remove(name: str, as_json: bool) -> None:
    """Remove a context and its password in the keyring. Files of secrets are kept."""
    files.remove(name)
    _say({"name": name, "removed": True}, f"context {name} removed", as_json)
