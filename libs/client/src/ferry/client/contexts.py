"""Named connections, as the nats CLI has them: a file each, which names files of secrets and holds none itself."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ferry.client.errors import SettingsError
from ferry.client.settings import NatsSettings, from_environment, read_secret
from ferry.contract.ids import is_safe_id

VARIABLE = "FERRY_CONTEXT"
KEYRING_SERVICE = "ferry"


class Context(BaseModel):
    """`keyring`: the password lies in the desktop's keyring, under the service `ferry` and the context's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    user: str | None = None
    password_file: Path | None = None
    nkey_seed_file: Path | None = None
    credentials_file: Path | None = None
    tls_ca_file: Path | None = None
    inbox_prefix: str | None = None
    keyring: bool = False

    def settings(self, name: str) -> NatsSettings:
        """Raises SettingsError for a secret that cannot be read."""
        password = read_secret(self.password_file) if self.password_file else None
        if self.keyring:
            password = from_keyring(name)
        return NatsSettings.model_validate(
            {
                **self.model_dump(include={"url", "user", "credentials_file", "tls_ca_file", "inbox_prefix"}),
                "password": password,
                "nkey_seed": read_secret(self.nkey_seed_file) if self.nkey_seed_file else None,
            }
        )


def chosen(context: str | None = None) -> NatsSettings:
    """One source, never a mixture: `context`, FERRY_CONTEXT, the environment, the selected context, this machine.

    A password must not go to a server that another source named. Raises SettingsError.
    """
    if named := context or os.environ.get(VARIABLE):
        return load(named).settings(named)
    if settings := from_environment():
        return settings
    if selected := current():
        return load(selected).settings(selected)
    return NatsSettings()


def folder() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "ferry"


def names() -> list[str]:
    return sorted(file.stem for file in (folder() / "contexts").glob("*.json"))


def current() -> str | None:
    try:
        return (folder() / "context").read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def load(name: str) -> Context:
    """Raises SettingsError when there is no such context, or its file cannot be read."""
    file = _file(name)
    if not file.is_file():
        raise SettingsError.saying(
            f"there is no context {name!r}",
            detail=f"there are: {', '.join(names()) or 'none'}",
            hint="`ferry context add`",
        )
    try:
        return Context.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        words = (
            "; ".join(item["msg"] for item in error.errors())
            if isinstance(error, ValidationError)
            else str(error)
        )
        raise SettingsError.saying(
            f"the context {name!r} cannot be read", detail=f"{file}: {words}"
        ) from None


def save(name: str, context: Context) -> None:
    _write(_file(name), context.model_dump_json(indent=2, exclude_none=True, exclude_defaults=True) + "\n")


def select(name: str) -> None:
    load(name)
    _write(folder() / "context", name + "\n")


def remove(name: str) -> None:
    if load(name).keyring:
        forget_in_keyring(name)
    _file(name).unlink()
    if current() == name:
        (folder() / "context").unlink()


def _file(name: str) -> Path:
    if not is_safe_id(name):
        raise SettingsError.saying(
            "a context's name has only letters, digits, '-' and '_'", detail=repr(name)
        )
    return folder() / "contexts" / f"{name}.json"


def _write(file: Path, text: str) -> None:
    """A new file in place of the old one, which only its owner reads."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = file.with_name(f".{file.name}.new")
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as out:
            out.write(text)
        new.replace(file)
    except OSError as error:
        raise SettingsError.saying(f"{file} cannot be written", detail=error.strerror or str(error)) from None


def from_keyring(name: str) -> str:
    password: str | None = _keyring("get_password", name)
    if password is None:
        raise SettingsError.saying(
            f"the keyring has no password for the context {name!r}", hint="`ferry context add` asks for it"
        )
    return password


def into_keyring(name: str, password: str) -> None:
    _keyring("set_password", name, password)


def forget_in_keyring(name: str) -> None:
    _keyring("delete_password", name)


def _keyring(call: str, name: str, *arguments: str) -> str | None:
    """The keyring library is asked only here: it is there when somebody installed it."""
    try:
        import keyring  # type: ignore[import-not-found] # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        raise SettingsError.saying(
            "no keyring here", hint="pip install keyring, or use --password-file"
        ) from None
    try:
        found: str | None = getattr(keyring, call)(KEYRING_SERVICE, name, *arguments)
    except keyring.errors.KeyringError as error:
        raise SettingsError.saying(
            "the keyring does not answer", detail=str(error), hint="use --password-file"
        ) from None
    return found
