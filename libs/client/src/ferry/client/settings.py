"""Which bus, and as which user: from the environment, from files in the secrets directory, or from a context."""

import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, SecretStr

from ferry.client.errors import SettingsError

PREFIX = "FERRY_NATS__"
SECRETS_DIR_VARIABLE = "FERRY_SECRETS_DIR"
DEFAULT_SECRETS_DIR = "/run/secrets/ferry"
DEFAULT_URL = "nats://127.0.0.1:4222"
SCHEMES = ("nats", "tls", "ws", "wss")
LARGEST_FILE = 64 * 1024


class NatsSettings(BaseModel):
    """`url` may name several servers, separated by commas."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: str = DEFAULT_URL
    user: str | None = None
    password: SecretStr | None = None
    nkey_seed: SecretStr | None = None
    credentials_file: Path | None = None
    tls_ca_file: Path | None = None
    inbox_prefix: str | None = None
    """`_INBOX_<user>` if a user is set: no other user may subscribe to it."""

    @property
    def shown_url(self) -> str:
        """Without what may be a password."""
        return ",".join(part.rpartition("@")[2].strip() for part in self.url.split(","))

    @property
    def inbox(self) -> str:
        return self.inbox_prefix or (f"_INBOX_{self.user}" if self.user else "_INBOX")

    def options(self) -> dict[str, Any]:
        """Keyword arguments of nats-py's connect. Raises SettingsError, naming what is wrong with which setting."""
        servers = [server.strip() for server in self.url.split(",") if server.strip()]
        if not servers:
            raise SettingsError.saying("the server's URL is empty", hint=f"such as {DEFAULT_URL}")
        for server in servers:
            scheme, separator, _ = server.partition("://")
            if separator and scheme not in SCHEMES:
                raise SettingsError.saying(
                    f"{self.shown_url} is no NATS server's URL",
                    hint=f"it begins with one of {', '.join(SCHEMES)}",
                )
        chosen: dict[str, Any] = {"servers": servers, "inbox_prefix": self.inbox}
        if self.user:
            chosen["user"] = self.user
        if self.password:
            chosen["password"] = self.password.get_secret_value()
        if self.nkey_seed:
            chosen["nkeys_seed_str"] = _checked_seed(self.nkey_seed.get_secret_value())
        if self.credentials_file:
            chosen["user_credentials"] = str(_checked_credentials(self.credentials_file))
        if self.tls_ca_file:
            chosen["tls"] = _tls(self.tls_ca_file)
        return chosen


def from_environment(environ: Mapping[str, str] | None = None) -> NatsSettings | None:
    """What `FERRY_NATS__*` and the files of those names say; None when they say nothing. Raises SettingsError."""
    variables = os.environ if environ is None else environ
    said = given(PREFIX, list(NatsSettings.model_fields), variables)
    return NatsSettings.model_validate(said) if said else None


def given(prefix: str, names: Iterable[str], variables: Mapping[str, str]) -> dict[str, str]:
    """What the variables `<prefix><NAME>`, or the files of those names, say. Raises SettingsError."""
    folder = Path(variables.get(SECRETS_DIR_VARIABLE) or DEFAULT_SECRETS_DIR)
    if SECRETS_DIR_VARIABLE in variables and not folder.is_dir():
        raise SettingsError.saying(f"{SECRETS_DIR_VARIABLE} names no folder", detail=str(folder))
    found = ((name, _value(f"{prefix}{name.upper()}", variables, folder)) for name in names)
    return {name: value for name, value in found if value is not None}


def _value(name: str, variables: Mapping[str, str], folder: Path) -> str | None:
    if variables.get(name):
        return variables[name]
    file = folder / name
    return read_secret(file) if file.is_file() else None


def read_secret(file: Path) -> str:
    """A small text file without its last line end. Raises SettingsError."""
    if file.is_fifo():
        raise SettingsError.saying(f"{file} is a pipe, and no file", hint="a secret is read more than once")
    try:
        with file.open(encoding="utf-8") as text:
            content = text.read(LARGEST_FILE + 1)
    except OSError as error:
        raise SettingsError.saying(f"{file} cannot be read", detail=error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise SettingsError.saying(f"{file} is not text") from None
    if len(content) > LARGEST_FILE:
        raise SettingsError.saying(f"{file} is too large for a secret")
    return content.rstrip("\r\n")


def _checked_seed(seed: str) -> str:
    """The error must not show it."""
    try:
        nkeys.from_seed(seed.encode())
    except Exception:  # noqa: BLE001 - nkeys raises its own errors, ValueError, binascii's and struct's
        raise SettingsError.saying(
            "the nkey seed is not one", hint="a seed begins with SU, is 58 characters long, and is one line"
        ) from None
    return seed


def _checked_credentials(file: Path) -> Path:
    content = read_secret(file)
    if "BEGIN NATS USER JWT" not in content or "BEGIN USER NKEY SEED" not in content:
        raise SettingsError.saying(
            f"{file} is not a credentials file", hint="such as `nsc generate creds` makes"
        )
    return file


def _tls(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except ssl.SSLError:
        raise SettingsError.saying(f"{ca_file} holds no certificate", hint="it must be in PEM form") from None
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise SettingsError.saying(f"the CA file {ca_file} cannot be read", detail=words) from None
