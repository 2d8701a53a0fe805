"""nats-server's folder of publishers: one file each, and index.conf, which includes them."""

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ferry.client.errors import SettingsError
from ferry.client.publishers.account import Account, read
from ferry.contract.ids import safe_id

INDEX = "index.conf"
LARGEST = 4 * 1024 * 1024
_INCLUDE = re.compile(r"""^[ \t]*include[ \t]+['"]?([^'"\s;]+?)['"]?[ \t]*;?[ \t]*(?:#.*)?$""")
FRAGMENT_MODE = 0o644
"""nats-server often runs as another user; the file has a public key and a hash alone."""


@dataclass(frozen=True, slots=True)
class Listed:
    """`account` is None for a file that cannot be read; `problem` says what is wrong with it."""

    name: str
    account: Account | None
    problem: str | None = None


class Folder:
    """Every change replaces a file by a new one in its place: the server never reads half of one."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError for a folder that has no index.conf."""
        if not (path / INDEX).is_file():
            raise SettingsError.saying(
                f"{path} has no {INDEX}",
                hint="--publishers names the server's folder, deploy/nats/publishers",
            )
        self.path = path

    def file(self, name: str) -> Path:
        """Raises SettingsError for a name that is none."""
        try:
            safe_id(name)
        except ValueError as error:
            raise SettingsError.saying(f"{name!r} is no publisher's name", detail=str(error)) from None
        if f"{name.lower()}.conf" == INDEX:
            raise SettingsError.saying(
                f"a publisher cannot be called {name}", detail=f"{INDEX} includes the others"
            )
        return self.path / f"{name}.conf"

    def find(self, name: str) -> Account | None:
        """Raises SettingsError for a file that is no publisher's."""
        file = self.file(name)
        if not os.path.lexists(file):
            return None
        try:
            return read(name, _content(file))
        except ValueError as error:
            raise SettingsError.saying(
                f"{file} cannot be changed: {error}", hint="move it away, or change it by hand"
            ) from None

    def listed(self) -> list[Listed]:
        """Those that have a file and those that the index includes."""
        included = set(self._included())
        there = {file.stem for file in self.path.glob("*.conf") if file.name != INDEX}
        return [self._look(name, name in there, name in included) for name in sorted(there | included)]

    def _look(self, name: str, there: bool, included: bool) -> Listed:
        if not there:
            return Listed(name, None, f"{INDEX} includes it, and it is not there: nats-server does not start")
        problem = None if included else f"{INDEX} does not include it"
        try:
            return Listed(name, self.find(name), problem)
        except SettingsError as error:
            return Listed(name, None, error.problem.title)

    def write(self, account: Account) -> None:
        """The file first, then the index: what is included is always there. Raises SettingsError."""
        write(self.file(account.name), account.text(), FRAGMENT_MODE)
        if account.name not in self._included():
            index = _content(self.path / INDEX)
            end = "" if not index or index.endswith("\n") else "\n"
            self._write_index(f'{index}{end}include "{account.name}.conf"\n')

    def remove(self, name: str) -> bool:
        """The index first, then the file. Whether there was one. Raises SettingsError."""
        file, included = self.file(name), name in self._included()
        if included:
            lines = _content(self.path / INDEX).splitlines(keepends=True)
            self._write_index("".join(line for line in lines if _included_by(line) != f"{name}.conf"))
        there = os.path.lexists(file)
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(file, "removed", error) from None
        return there or included

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One change at a time, by any process. Raises SettingsError when another takes too long to wait for."""
        try:
            number = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _failed(self.path, "opened", error) from None
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise SettingsError.saying(
                f"another `ferry publisher` changes {self.path}", hint="try again"
            ) from None
        finally:
            os.close(number)

    def _included(self) -> list[str]:
        found = map(_included_by, _content(self.path / INDEX).splitlines())
        return [name.removesuffix(".conf") for name in found if name]

    def _write_index(self, text: str) -> None:
        file = self.path / INDEX
        write(file, text, file.stat().st_mode & 0o777)


def _included_by(line: str) -> str | None:
    found = _INCLUDE.match(line.rstrip("\n"))
    return found[1].removeprefix("./") if found else None


def write(file: Path, text: str, mode: int) -> None:
    """A new file of `mode` in place of what was there, on the disk. Raises SettingsError."""
    new: Path | None = None
    try:
        number, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        new = Path(name)
        with os.fdopen(number, "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), mode)
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
    except OSError as error:
        raise _failed(file, "written", error) from None
    finally:
        if new is not None:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)


def _content(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise SettingsError.saying(f"{file} is too large for a publisher's file")
        return file.read_text("utf-8")
    except OSError as error:
        raise _failed(file, "read", error) from None
    except UnicodeDecodeError:
        raise SettingsError.saying(f"{file} is not text") from None


def _failed(file: Path, what: str, error: OSError) -> SettingsError:
    return SettingsError.saying(f"{file} cannot be {what}", detail=error.strerror or str(error))
