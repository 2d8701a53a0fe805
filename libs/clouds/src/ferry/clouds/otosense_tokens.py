"""OtoSense: an access token by client credentials (its guide, "Getting the OAuth bearer token")."""

import base64
from urllib.parse import quote_plus

from pydantic import SecretStr

from ferry.clouds.answer import Answer
from ferry.clouds.grants import Grant, read_grant
from ferry.clouds.http import CloudHttp

DEFAULT_LIFE_S = 3600.0
"""Of a token that says no life; one that ends before is refused, and another is asked for."""


async def client_credentials(
    http: CloudHttp, *, client_id: str, client_secret: SecretStr, form_encoded: bool = False
) -> Grant:
    """Basic with the raw `id:secret`, or with both form-encoded first (RFC 6749 section 2.3.1).

    Raises CloudError's family.
    """
    secret = client_secret.get_secret_value()
    user, password = (quote_plus(client_id), quote_plus(secret)) if form_encoded else (client_id, secret)
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    answer = await http.exchange(
        "POST",
        "/oauth/token",
        headers={"Authorization": f"Basic {basic}"},
        form={"grant_type": "client_credentials"},
    )
    secrets = (secret, quote_plus(secret), basic)
    return read_grant(answer, own_status, default_life_s=DEFAULT_LIFE_S, secrets=secrets)


def own_status(answer: Answer) -> int | None:
    """The status of an error in OtoSense's own words: an object with a message.

    A 401 without a body counts, since nobody documents one.
    """
    if answer.status < 400:  # noqa: PLR2004 - HTTP's class
        return None
    message = answer.json.get("message") if isinstance(answer.json, dict) else None
    empty = answer.status == 401 and not answer.text.strip()  # noqa: PLR2004 - HTTP's own number
    return answer.status if isinstance(message, str) or empty else None
