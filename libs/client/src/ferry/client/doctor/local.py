"""Checks this machine: the connection settings, and who else can read the secrets."""

import os
from pathlib import Path

from ferry.client.contexts.files import current, load
from ferry.client.doctor.findings import Finding, ok, warning
from ferry.client.errors import SettingsError
from ferry.client.settings import DEFAULT_SECRETS_DIR, SECRETS_DIR_VARIABLE, NatsSettings

OTHERS = 0o077


def settings(used: NatsSettings, context: str | None) -> list[Finding]:
    """`context`: its name, when it was chosen by one."""
    keyed = (
        "by an nkey"
        if used.nkey_seed
        else "by a credentials file"
        if used.credentials_file
        else "without a user"
    )
    who = f"as {used.user}" if used.user else keyed
    where = f"context {context}" if context else "the environment, or the default"
    return [ok("settings", f"{used.shown_url} {who}; from {where}"), *map(_open, _readable(used, context))]


def chosen_name(option: str | None, environment: bool) -> str | None:
    """The context that settings were read from. `environment`: FERRY_NATS__* says something."""
    if named := option or os.environ.get("FERRY_CONTEXT"):
        return named
    return None if environment else current()


def _readable(used: NatsSettings, context: str | None) -> list[Path]:
    """Files of secrets that others than their owner may read."""
    files = [used.credentials_file]
    if context:
        try:
            found = load(context)
        except SettingsError:
            return []
        files += [found.password_file, found.nkey_seed_file]
    elif variable := os.environ.get(SECRETS_DIR_VARIABLE):
        files += [Path(variable) / f"FERRY_NATS__{name}" for name in ("PASSWORD", "NKEY_SEED")]
    return [file for file in files if file and _is_open(file)]


def _is_open(file: Path) -> bool:
    """A volume of Kubernetes is its pod's alone, whatever the modes."""
    try:
        return not file.is_relative_to(DEFAULT_SECRETS_DIR) and bool(file.stat().st_mode & OTHERS)
    except OSError:
        return False


def _open(file: Path) -> Finding:
    return warning("settings", f"other users can read {file}", f"chmod 600 {file}")
