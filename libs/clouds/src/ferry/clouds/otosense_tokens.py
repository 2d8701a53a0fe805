"""OtoSense: an access token by client credentials (its guide, "Getting the OAuth bearer token")."""

import base64
from urllib.parse import quote_plus

from pydantic import SecretStr

from ferry.clouds.grants import Grant, read_grant
from ferry.clouds.http import CloudHttp


async def client_credentials(
    http: CloudHttp, *, client_id: str, client_secret: SecretStr, form_encoded: bool = False
) -> Grant:
    """Basic with the raw `id:secret`, or with both form-encoded first (RFC 6749 section 2.3.1).

    Raises CloudError's family.
    """
    secret = client_secret.get_secret_value()
    user, password = (quote_plus(client_id), quote_plus(secret)) if form_encoded else (client_id, secret)
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    answer = await http.send(
        "POST",
        "/oauth/token",
        headers={"Authorization": f"Basic {basic}"},
        form={"grant_type": "client_credentials"},
        secrets=(secret, quote_plus(secret), basic),
    )
    return read_grant(answer)
