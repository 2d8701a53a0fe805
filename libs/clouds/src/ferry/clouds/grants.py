"""What a token endpoint grants, read with the tolerance that both clouds need."""

import base64
import binascii
import math
import re
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from ferry.clouds.errors import BadAnswerError, parse_json
from ferry.clouds.http import Answer

DEFAULT_LIFE_S = 90 * 86_400.0
"""Thing+ says no life; its guide says 90 days (chapter 1)."""
LONGEST_LIFE_S = 10 * 365 * 86_400.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)
_JWT_PARTS = 3


@dataclass(frozen=True, slots=True)
class Grant:
    """`life_s` is in s and counts from the request, so that no clock of the cloud's matters."""

    access_token: SecretStr
    life_s: float


def read_grant(answer: Answer) -> Grant:
    """Raises BadAnswerError without a token that a header can carry.

    `token_type` is not looked at: OtoSense writes it in lower case, and both take `Bearer`.
    """
    found = answer.object()
    token = found.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise BadAnswerError(answer.status, "no usable access_token")
    life_s = _seconds(found.get("expires_in")) or _jwt_life(token) or DEFAULT_LIFE_S
    return Grant(SecretStr(token), min(life_s, LONGEST_LIFE_S))


def _seconds(value: Any) -> float | None:
    """A positive number, also one in a string; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _jwt_life(token: str) -> float | None:
    """`exp` minus `iat` (RFC 7519): a span, the same on every clock. The signature is the cloud's affair."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError):
        return None
    claims = parse_json(payload.decode(errors="replace"))
    if not isinstance(claims, dict):
        return None
    expires, issued = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    return expires - issued if expires and issued and expires > issued else None
