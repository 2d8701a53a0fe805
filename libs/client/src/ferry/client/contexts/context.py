"""A context: a server, a user, and the files with the secrets."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator

from ferry.client.contexts import passwords
from ferry.client.errors import SettingsError
from ferry.client.settings import NatsSettings, read_secret

SCHEMES = ("nats", "tls", "ws", "wss")


class Context(BaseModel):
    """`keyring`: the password is in the desktop's keyring, under the service `ferry` and the context's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    user: str | None = None
    password_file: Path | None = None
    nkey_seed_file: Path | None = None
    credentials_file: Path | None = None
    tls_ca_file: Path | None = None
    inbox_prefix: str | None = None
    keyring: bool = False

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        """One or several servers, and no secret: this file is no place for one."""
        for server in url.split(","):
            checked_server(server.strip())
        return url

    def settings(self, name: str) -> NatsSettings:
        """Raises SettingsError for a secret that cannot be read."""
        password = _filled(self.password_file) if self.password_file else None
        if self.keyring:
            password = passwords.stored(name)
        return NatsSettings.model_validate(
            {
                **self.model_dump(include={"url", "user", "credentials_file", "tls_ca_file", "inbox_prefix"}),
                "password": password,
                "nkey_seed": _filled(self.nkey_seed_file) if self.nkey_seed_file else None,
            }
        )


def _filled(file: Path) -> str:
    if secret := read_secret(file):
        return secret
    raise SettingsError.saying(f"{file} is empty", hint="it must contain the secret and nothing else")


def checked_server(url: str) -> str:
    """Raises ValueError, which does not show what may be a password."""
    try:
        parts = urlsplit(url if "://" in url else f"nats://{url}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the server's URL is not one, such as nats://127.0.0.1:4222") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "the server's URL has a user or password in it: use --user, and --password-file or --keyring"
        )
    if not host or parts.scheme not in SCHEMES or not url.isprintable():
        raise ValueError(f"the server's URL is not one, such as nats://127.0.0.1:4222 ({', '.join(SCHEMES)})")
    return url
