"""A publisher's secrets: files that only their owner can read, in the form of FERRY_SECRETS_DIR."""

import os
import secrets as random
from dataclasses import dataclass
from pathlib import Path

import nkeys  # type: ignore[import-untyped]

from ferry.client.errors import SettingsError
from ferry.client.publishers.folder import write
from ferry.client.settings import read_secret

SEED, INBOX = "FERRY_NATS__NKEY_SEED", "FERRY_NATS__INBOX_PREFIX"
MQTT_USER, MQTT_PASSWORD = "MQTT_USER", "MQTT_PASSWORD"
MODE = 0o600


@dataclass(frozen=True, slots=True)
class Keys:
    """`mqtt_password` where there is a user for MQTT."""

    seed: str
    mqtt_password: str | None = None

    @property
    def public_key(self) -> str:
        key: bytes = nkeys.from_seed(self.seed.encode()).public_key
        return key.decode()

    def mqtt_hash(self) -> str | None:
        """What a password of 256 random bits needs: the cheapest, so that many reconnecting at once cost no server."""
        if self.mqtt_password is None:
            return None
        try:
            import bcrypt  # noqa: PLC0415 - for MQTT alone
        except ModuleNotFoundError:
            raise SettingsError.saying(
                "--mqtt needs the Python package bcrypt", hint="pip install 'ferry-client[cli]'"
            ) from None
        return bcrypt.hashpw(self.mqtt_password.encode(), bcrypt.gensalt(rounds=4)).decode()


def generated(*, mqtt: bool) -> Keys:
    seed: bytes = nkeys.encode_seed(random.token_bytes(32), nkeys.PREFIX_BYTE_USER)
    return Keys(seed.decode(), random.token_urlsafe(32) if mqtt else None)


def stored(folder: Path, name: str) -> Keys | None:
    """What the folder has of this publisher. Raises SettingsError for another's, and for what cannot be read."""
    if not any(os.path.lexists(folder / file) for file in (SEED, INBOX, MQTT_PASSWORD)):
        return None
    if not (folder / INBOX).is_file() or read_secret(folder / INBOX) != f"_INBOX_{name}":
        raise SettingsError.saying(
            f"{folder} has the secrets of another publisher", hint="--secrets names another folder"
        )
    if not (folder / SEED).is_file():
        return None
    keys = Keys(
        read_secret(folder / SEED),
        read_secret(folder / MQTT_PASSWORD) if (folder / MQTT_PASSWORD).is_file() else None,
    )
    try:
        _ = keys.public_key
    except Exception:  # noqa: BLE001 - nkeys raises its own errors, ValueError, binascii's and struct's
        raise SettingsError.saying(
            f"{folder / SEED} holds no nkey seed", hint="remove it, then run this again"
        ) from None
    return keys


def store(folder: Path, name: str, keys: Keys) -> None:
    """Writes the name first, so that the next run recognises an interrupted one. Raises SettingsError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError.saying(f"{folder} cannot be made", detail=error.strerror or str(error)) from None
    write(folder / INBOX, f"_INBOX_{name}", MODE)
    if keys.mqtt_password is not None:
        write(folder / MQTT_USER, f"mqtt-{name}", MODE)
        write(folder / MQTT_PASSWORD, keys.mqtt_password, MODE)
    write(folder / SEED, keys.seed, MODE)
