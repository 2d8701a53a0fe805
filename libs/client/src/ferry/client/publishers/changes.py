"""Adds, rotates and removes publishers. Each is safe to repeat and resumes where it was interrupted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ferry.client.errors import SettingsError
from ferry.client.publishers import secrets
from ferry.client.publishers.account import Account
from ferry.client.publishers.folder import Folder


@dataclass(frozen=True, slots=True)
class Made:
    """`changed`: whether the server's files are others than before, so that it must be reloaded."""

    account: Account
    changed: bool


def add(folder: Folder, name: str, gateways: Sequence[str], kept: Path, *, mqtt: bool = False) -> Made:
    """Secrets go into `kept`. The same again changes nothing. Raises SettingsError, ValueError for an unsafe id."""
    wanted = tuple(dict.fromkeys(gateways))
    with folder.locked():
        there = folder.find(name)
        if there is not None:
            _same_or_refused(there, wanted, mqtt=mqtt)
        keys = secrets.stored(kept, name)
        if there is not None:
            if keys is None or keys.public_key != there.public_key:
                raise SettingsError.saying(
                    f"the publisher {name} exists, and its seed is not in {kept}",
                    hint=f"--secrets names the folder; or `ferry publisher rotate {name}` makes new keys",
                )
            included = any(one.name == name and one.problem is None for one in folder.listed())
            if not included:
                folder.write(there)
            return Made(there, not included)
        if keys is None or (mqtt and keys.mqtt_password is None):
            keys = secrets.generated(mqtt=mqtt)
        return _written(folder, name, wanted, kept, keys, mqtt=mqtt)


def rotate(folder: Folder, name: str, gateways: Sequence[str], kept: Path) -> Made:
    """New keys, and the same gateways unless others are given. Raises SettingsError, ValueError for an unsafe id."""
    with folder.locked():
        there = folder.find(name)
        if there is None:
            raise SettingsError.saying(f"there is no publisher {name}", hint="`ferry publisher list`")
        secrets.stored(kept, name)  # another's are not overwritten
        mqtt = there.mqtt_hash is not None
        wanted = tuple(dict.fromkeys(gateways)) or there.gateways
        return _written(folder, name, wanted, kept, secrets.generated(mqtt=mqtt), mqtt=mqtt)


def remove(folder: Folder, name: str) -> bool:
    """Whether there was one. Its secrets stay where they are, and open nothing. Raises SettingsError."""
    with folder.locked():
        return folder.remove(name)


def _same_or_refused(there: Account, gateways: tuple[str, ...], *, mqtt: bool) -> None:
    if set(there.gateways) != set(gateways):
        raise SettingsError.saying(
            f"the publisher {there.name} exists with other gateways: {', '.join(there.gateways)}",
            hint=f"`ferry publisher rotate {there.name} {' '.join(gateways)}` creates new keys for these",
        )
    if mqtt and there.mqtt_hash is None:
        raise SettingsError.saying(
            f"the publisher {there.name} exists without a user for MQTT",
            hint=f"`ferry publisher remove {there.name}`, then add it with --mqtt",
        )


def _written(
    folder: Folder, name: str, gateways: tuple[str, ...], kept: Path, keys: secrets.Keys, *, mqtt: bool
) -> Made:
    """The text is made before anything is written; secrets before the account that wants them."""
    account = Account(name, keys.public_key, gateways, keys.mqtt_hash() if mqtt else None)
    account.text()
    folder.file(name)
    secrets.store(kept, name, keys)
    folder.write(account)
    return Made(account, changed=True)
