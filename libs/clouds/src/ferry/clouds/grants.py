"""What a token endpoint answers: a grant, refused credentials in its own words, or something else.

A token endpoint refuses credentials with 400, 401 or 403 and JSON of its own. Everything else that is not a
grant says nothing of the credentials: a path that is not there, a proxy's page, a redirect.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from ferry.clouds.answer import Answer
from ferry.clouds.errors import BadAnswerError, RefusedError
from ferry.clouds.replies import is_retryable
from ferry.clouds.retry_after import retry_after_s
from ferry.clouds.words import clean, media_type, parse_json, read_words

LONGEST_LIFE_S = 10 * 365 * 86_400.0
SHORTEST_LIFE_S = 1.0
"""A shorter lifetime would be unusable; it is treated as if none were given."""
REFUSING = frozenset({400, 401, 403})
_NOT_IMPLEMENTED = 501
_OAUTH_ERRORS = frozenset(
    {
        *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"),
        *("unsupported_grant_type", "invalid_scope", "access_denied"),
    }
)
"""RFC 6749 section 5.2, and section 4.1.2.1's for a grant by password."""
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)
_JWT_PARTS = 3


class CredentialsRefusedError(RefusedError):
    """The token endpoint refuses the credentials, in its own words."""


@dataclass(frozen=True, slots=True)
class Grant:
    """`life_s` is in s and counts from the request, so that no clock of the cloud's matters."""

    access_token: SecretStr
    life_s: float


OwnStatus = Callable[[Answer], int | None]
"""The status that a cloud's own error has, which a 2xx may carry inside; None when the answer is not its own error."""


def read_grant(
    answer: Answer, own_status: OwnStatus, *, default_life_s: float, secrets: Sequence[str] = ()
) -> Grant:
    """Raises CredentialsRefusedError; RefusedError for what may pass; BadAnswerError for all else.

    `token_type` is not looked at: OtoSense writes it in lower case, and both take `Bearer`.
    """
    _, said = parse_json(answer.text.encode(errors="replace"))
    own = answer.status if is_oauth_error(answer.status, said) else own_status(answer)
    status = answer.status if own is None else own
    code, message = read_words(said, secrets)
    if own in REFUSING:
        raise CredentialsRefusedError(status, code, message or "(no words)")
    if is_retryable(status) and status != _NOT_IMPLEMENTED:
        wait_s = retry_after_s(answer.headers.get("retry-after"), answer.headers.get("date"))
        raise RefusedError(status, code, message or "(no words)", wait_s)
    if own is None and 200 <= status < 300:  # noqa: PLR2004 - HTTP's class
        return _grant(status, said, default_life_s)
    raise BadAnswerError(
        answer.status, clean(_what(answer, f"{code}: {message}".strip(": ")), secrets=secrets)
    )


def is_oauth_error(status: int, said: Any) -> bool:
    """Whether it is an error as RFC 6749 section 5.2 has it, which is a token endpoint's own."""
    error = said.get("error") if isinstance(said, dict) else None
    return status in REFUSING and isinstance(error, str) and error in _OAUTH_ERRORS


def _what(answer: Answer, words: str) -> str:
    if 300 <= answer.status < 400:  # noqa: PLR2004 - HTTP's class
        return "a redirect, which is not followed"
    kind = media_type(answer.headers.get("content-type", ""), answer.text.encode(errors="replace"))
    return f"{kind}, not a token endpoint's{f' ({words})' if words else ''}"


def _grant(status: int, said: Any, default_life_s: float) -> Grant:
    if not isinstance(said, dict):
        raise BadAnswerError(status, "a body that is not a JSON object")
    token = said.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise BadAnswerError(status, "no usable access_token")
    life_s = _life(said.get("expires_in")) or _jwt_life(token) or default_life_s
    return Grant(SecretStr(token), min(life_s, LONGEST_LIFE_S))


def _life(value: Any) -> float | None:
    seconds = _seconds(value)
    return seconds if seconds is not None and seconds >= SHORTEST_LIFE_S else None


def _seconds(value: Any) -> float | None:
    """A finite number, also one in a string; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None


def _jwt_life(token: str) -> float | None:
    """`exp` minus `iat` (RFC 7519): a span, the same on every clock. The signature is the cloud's affair."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError):
        return None
    _, claims = parse_json(payload)
    if not isinstance(claims, dict):
        return None
    expires, issued = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    return None if expires is None or issued is None else _life(expires - issued)
