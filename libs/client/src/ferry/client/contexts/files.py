"""Stores contexts below ~/.config/ferry: one file each, and one that names the selected context."""

import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from ferry.client.contexts import passwords
from ferry.client.contexts.context import Context
from ferry.client.errors import SettingsError
from ferry.client.settings import LARGEST_FILE
from ferry.contract.ids import is_safe_id


def folder() -> Path:
    """Raises SettingsError for a user without a home."""
    if chosen := os.environ.get("XDG_CONFIG_HOME"):
        return Path(chosen) / "ferry"
    try:
        return Path.home() / ".config" / "ferry"
    except RuntimeError:
        raise SettingsError.saying(
            "there is no folder for contexts: this user has no home", hint="XDG_CONFIG_HOME names another"
        ) from None


def names() -> list[str]:
    """Of the files that are there, whether or not they can be read. Raises SettingsError."""
    try:
        files = list((folder() / "contexts").iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(folder() / "contexts", error) from None
    return sorted(file.stem for file in files if file.suffix == ".json" and is_safe_id(file.stem))


def current() -> str | None:
    """The selected one, whether or not it is there. Raises SettingsError when the selection cannot be read."""
    try:
        file = folder() / "context"
        content = file.read_bytes()[:LARGEST_FILE]
    except (SettingsError, FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(file, error) from None
    name = content.decode("utf-8", "replace").strip()
    if name and not is_safe_id(name):
        raise SettingsError.saying(
            f"{file} does not name a context", hint="`ferry context use NAME` selects one"
        )
    return name or None


def load(name: str) -> Context:
    """Raises SettingsError when there is no such context, or its file cannot be read."""
    file = _file(name)
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE)
    except (FileNotFoundError, NotADirectoryError):
        raise SettingsError.saying(
            f"there is no context {name!r}",
            detail=f"there are: {', '.join(names()) or 'none'}",
            hint=f"`ferry context add {name} --server URL` makes one",
        ) from None
    except OSError as error:
        raise _unreadable(file, error) from None
    try:
        return Context.model_validate_json(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "".join(f"{part}: " for part in found["loc"])
        words = found["msg"].removeprefix("Value error, ")
        raise SettingsError.saying(
            f"the context {name!r} cannot be read: {file}: {where}{words}",
            hint=f"correct the file, or `ferry context add {name} --replace`",
        ) from None


def _unreadable(file: Path, error: OSError) -> SettingsError:
    return SettingsError.saying(f"{file} cannot be read", detail=error.strerror or str(error))


def exists(name: str) -> bool:
    return os.path.lexists(_file(name))


def save(name: str, context: Context) -> None:
    """Raises SettingsError."""
    write(_file(name), context.model_dump_json(indent=2, exclude_none=True, exclude_defaults=True) + "\n")


def select(name: str) -> None:
    load(name)
    write(folder() / "context", name + "\n")


def remove(name: str) -> None:
    """One that cannot be read goes as well. Raises SettingsError when there is none."""
    if not exists(name):
        load(name)
    try:
        keyring = load(name).keyring
    except SettingsError:
        keyring = False
    try:
        _file(name).unlink()
        if current() == name:
            (folder() / "context").unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError.saying(
            f"{_file(name)} cannot be removed", detail=error.strerror or str(error)
        ) from None
    if keyring:
        passwords.forget(name)


def _file(name: str) -> Path:
    if not is_safe_id(name):
        raise SettingsError.saying(
            "a context's name has only letters, digits, '-' and '_'", detail=repr(name)
        )
    return folder() / "contexts" / f"{name}.json"


def write(file: Path, text: str) -> None:
    """A new file in place of the old one, which only its owner reads. Raises SettingsError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, new = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # with mode 0600
        try:
            with os.fdopen(number, "w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            Path(new).replace(file)
        except BaseException:
            Path(new).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError.saying(f"{file} cannot be written", detail=error.strerror or str(error)) from None
