"""Thing+'s chapters 3 and 4: an access token by password, and the OAuth client that it needs."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus

from pydantic import SecretStr

from ferry.clouds.answer import Answer
from ferry.clouds.errors import BadAnswerError
from ferry.clouds.grants import Grant, read_grant
from ferry.clouds.http import CloudHttp
from ferry.clouds.thingplus.answers import read_reply

DEFAULT_LIFE_S = 90 * 86_400.0
"""Thing+ says no life; its guide says 90 days (chapter 1)."""
SESSION_COOKIE = "dwTPlus"
_BAD_REQUEST = 400
_SESSION = re.compile(rf"(?:^|[,;]\s*){SESSION_COOKIE}=([^;,\s]+)")


def md5_of(password: SecretStr) -> SecretStr:
    """What Thing+ takes for a password; its choice, no protection (chapter 4)."""
    digest = hashlib.md5(password.get_secret_value().encode(), usedforsecurity=False)
    return SecretStr(digest.hexdigest())


async def password_grant(
    http: CloudHttp, *, client_id: str, client_secret: SecretStr, username: str, password_md5: SecretStr
) -> Grant:
    """Chapter 4. Raises CloudError's family; CredentialsRefusedError carries the code of Thing+'s TokenError."""
    client, user = client_secret.get_secret_value(), password_md5.get_secret_value()
    form = {
        "grant_type": "password",
        "client_id": client_id,
        "client_secret": client,
        "username": username,
        "password": user,
    }
    secrets = (client, quote_plus(client), user)
    answer = await http.exchange("POST", "/oauth2/token", form=form)
    return read_grant(answer, own_status, default_life_s=DEFAULT_LIFE_S, secrets=secrets)


def own_status(answer: Answer) -> int | None:
    """The status of an error in Thing+'s own words: its TokenError, its envelope, the bare string of a 401."""
    reply = read_reply(answer.status, answer.text.encode(errors="replace"))
    return None if reply.content_type or reply.status < _BAD_REQUEST else reply.status


async def login(http: CloudHttp, login_id: str, password_md5: SecretStr) -> SecretStr:
    """A portal session: the value of its cookie. Raises CloudError's family."""
    password = password_md5.get_secret_value()
    body = {"loginId": login_id, "password": password}
    answer = await http.send("POST", "/login", json=body, secrets=(password,))
    found = _SESSION.search(answer.headers.get("set-cookie", ""))
    if not found:
        raise BadAnswerError(answer.status, f"no cookie {SESSION_COOKIE}")
    return SecretStr(found.group(1))


async def logout(http: CloudHttp, session: SecretStr) -> None:
    await http.send("POST", "/logout", headers=_cookie(session), secrets=(session.get_secret_value(),))


async def create_client(
    http: CloudHttp,
    session: SecretStr,
    *,
    name: str,
    req_id: str,
    client_secret: SecretStr,
    scopes: Sequence[str],
) -> dict[str, Any]:
    """Chapter 3: the `data` of the answer, without the secret. Raises CloudError's family."""
    secret = client_secret.get_secret_value()
    body = {"name": name, "reqId": req_id, "clientSecret": secret, "scopes": list(scopes)}
    secrets = (secret, session.get_secret_value())
    answer = await http.send("POST", "/authClients", headers=_cookie(session), json=body, secrets=secrets)
    data = answer.object().get("data")
    if not isinstance(data, dict):
        raise BadAnswerError(answer.status, "no data")
    return {key: value for key, value in data.items() if key != "clientSecret"}


def _cookie(session: SecretStr) -> dict[str, str]:
    return {"Cookie": f"{SESSION_COOKIE}={session.get_secret_value()}"}
