"""The account at each cloud: credentials that can obtain a token, or a list of what is missing."""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from pydantic import SecretStr

from ferry.auth.settings import AuthSettings, OtoSenseSettings, ThingPlusSettings
from ferry.auth.tokens.cipher import RecordCipher
from ferry.clouds.grants import Grant
from ferry.clouds.http import CloudHttp
from ferry.clouds.otosense_tokens import client_credentials
from ferry.clouds.thingplus.tokens import md5_of, password_grant
from ferry.contract.auth import Cloud

_NOWHERE = "https://unset.invalid"


@dataclass(frozen=True, slots=True)
class Account:
    """`missing` names the settings that are absent; only without any can `obtain` be called. It asks `endpoint`.

    `obtain` raises CloudError's family. `fingerprint` identifies the set of credentials.
    """

    cloud: Cloud
    endpoint: str
    missing: tuple[str, ...]
    fingerprint: str = field(repr=False)
    cipher: RecordCipher = field(repr=False)
    obtain: Callable[[], Coroutine[None, None, Grant]] = field(repr=False)


def accounts(settings: AuthSettings) -> dict[Cloud, Account]:
    """An account for each cloud; one without settings misses them all."""
    return {"thingplus": _thingplus(settings), "otosense": _otosense(settings)}


def _thingplus(settings: AuthSettings) -> Account:
    cloud = settings.thingplus or ThingPlusSettings(url=_NOWHERE)
    password = cloud.password_md5 or (md5_of(cloud.password) if cloud.password else None)
    given = {
        "CLIENT_ID": cloud.client_id,
        "CLIENT_SECRET": _reveal(cloud.client_secret),
        "USERNAME": cloud.username,
        "PASSWORD": _reveal(password),
    }

    async def obtain() -> Grant:
        async with CloudHttp(cloud.url, timeout_s=settings.auth.cloud_timeout_s) as http:
            return await password_grant(
                http,
                client_id=given["CLIENT_ID"] or "",
                client_secret=SecretStr(given["CLIENT_SECRET"] or ""),
                username=given["USERNAME"] or "",
                password_md5=SecretStr(given["PASSWORD"] or ""),
            )

    return _account("thingplus", cloud.url, "/oauth2/token", given, settings, obtain)


def _otosense(settings: AuthSettings) -> Account:
    cloud = settings.otosense or OtoSenseSettings(url=_NOWHERE)
    given = {"CLIENT_ID": cloud.client_id, "CLIENT_SECRET": _reveal(cloud.client_secret)}

    async def obtain() -> Grant:
        async with CloudHttp(cloud.url, timeout_s=settings.auth.cloud_timeout_s) as http:
            return await client_credentials(
                http,
                client_id=given["CLIENT_ID"] or "",
                client_secret=SecretStr(given["CLIENT_SECRET"] or ""),
                form_encoded=cloud.form_encoded,
            )

    return _account("otosense", cloud.url, "/oauth/token", given, settings, obtain)


def _account(
    cloud: Cloud,
    url: str,
    path: str,
    given: dict[str, str | None],
    settings: AuthSettings,
    obtain: Callable[[], Coroutine[None, None, Grant]],
) -> Account:
    required = {"URL": None if url == _NOWHERE else url, **given}
    missing = tuple(f"FERRY_{cloud.upper()}__{name}" for name, value in required.items() if not value)
    values = tuple(value or "" for value in given.values())
    fingerprint = hashlib.sha256("\0".join((url, *values)).encode()).hexdigest()
    key = settings.auth.encryption_key
    cipher = (
        RecordCipher.from_key(key.get_secret_value(), cloud)
        if key
        else RecordCipher.from_credentials(values, cloud)
    )
    return Account(cloud, url + path, missing, fingerprint, cipher, obtain)


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
