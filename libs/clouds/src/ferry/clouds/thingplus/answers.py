"""What an answer of Thing+ means, whatever its bytes. Pure.

Thing+'s own are: an envelope whose `statusCode` agrees with the HTTP status, a TokenError or JWT error object,
the bare JSON string of a 401 or of a refused JWT, and a 204 without a body. All else comes from something in
between. A 2xx whose envelope says 4xx, 5xx or 600 counts as that. A 202 or 207 is tried again: after it, as after
no answer, what was sent may be there or not.
"""

import re
from collections.abc import Collection
from typing import Any

import msgspec

from ferry.clouds.replies import Kind, Reply, is_retryable
from ferry.clouds.retry_after import retry_after_s
from ferry.clouds.words import media_type, parse_json, read_words

__all__ = ["Kind", "Reply", "is_retryable", "read_reply", "retry_after_s"]

JWT_ERRORS = frozenset({"JsonWebTokenError", "TokenExpiredError", "NotBeforeError"})
TOKEN_ERROR = "TokenError"  # noqa: S105 - a name of Thing+'s, no secret
_SUCCESS = range(200, 300)
_UNPROVEN = frozenset({202, 207})
"""Taken but not yet done, and done in part: no proof that what was sent is there."""
_REFUSAL = range(400, 700)
_NO_CONTENT, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _TOO_LARGE = 204, 400, 401, 403, 413
_THREE_DIGITS = re.compile(r"[1-9][0-9]{2}", re.ASCII)
_ACCOUNT_CODES = frozenset({"NEED_LOGIN", "BILLING"})
_BAD_REQUEST_CODES = {
    "INVALID_INPUT": Kind.PAST_TIME,
    "NOT_FOUND": Kind.ENTITY,
    "CONFLICT": Kind.ENTITY,
    "ACCESSGROUP_DENY": Kind.ENTITY,
    "ACL_DENY": Kind.ENTITY,
    "PROCESS_COMMAND_RESULT": Kind.RETRY,
}
"""A 400 with another code, or none, refuses the reading."""
_TROUBLE = re.compile(r"(?:DB|SERVER)(?:_.*)?", re.ASCII | re.DOTALL)
"""A code of Thing+'s own database or servers (facts): never the reading's fault."""
_DENIALS = frozenset({"ACL_DENY", "ACCESSGROUP_DENY"})
_JWT_WORDS = "jwt "
_STATUSES = {
    _FORBIDDEN: Kind.ENTITY,
    404: Kind.ENTITY,
    409: Kind.ENTITY,
    _TOO_LARGE: Kind.TOO_LARGE,
    471: Kind.ACCOUNT,
}


class _Envelope(msgspec.Struct):
    statusCode: int  # noqa: N815 - Thing+'s name


_decode = msgspec.json.Decoder(_Envelope).decode
_DELIVERED = {status: Reply(Kind.DELIVERED, status) for status in _SUCCESS if status not in _UNPROVEN}


def read_reply(
    status: int,
    body: bytes,
    content_type: str = "",
    *,
    accept_any_json: bool = False,
    secrets: Collection[str] = (),
) -> Reply:
    """Never raises. `accept_any_json` takes any JSON of a 2xx for delivered; `secrets` are replaced in the words."""
    try:
        if status in _DELIVERED and _decode(body).statusCode == status:
            return _DELIVERED[status]
    except (ValueError, RecursionError):
        pass  # read with more patience below
    is_json, said = parse_json(body)
    code, message = read_words(said, secrets)
    own = _own_status(status, said, message)
    if own is not None:
        token_error = isinstance(said, dict) and _is_token_error(said)
        return Reply(_kind(own, code, message, token_error=token_error), own, code, message)
    if status == _NO_CONTENT and not body.strip():
        return Reply(Kind.DELIVERED, status)
    if accept_any_json and is_json and status in _SUCCESS and _status_inside(said) is None:
        return Reply(_kind(status, code, message, token_error=False), status)
    return Reply(_foreign_kind(status), status, code, message, media_type(content_type, body))


def _own_status(status: int, said: Any, message: str) -> int | None:
    """The effective status of an answer that is Thing+'s own, else None."""
    if isinstance(said, str):
        return status if status == _UNAUTHORIZED or _refuses_jwt(status, "", message) else None
    if not isinstance(said, dict):
        return None
    inside = _status_inside(said)
    if _is_token_error(said):
        inside = inside if inside in _REFUSAL else _UNAUTHORIZED
        return inside if status in _SUCCESS else status if status in _REFUSAL else None
    if inside is None:
        refused = status in (_UNAUTHORIZED, _FORBIDDEN) and message.startswith(_JWT_WORDS)
        return status if refused else None
    if inside == status or (status in _UNPROVEN and inside in _SUCCESS):
        return status if status in _SUCCESS or status in _REFUSAL else None
    return inside if status in _SUCCESS and (inside in _SUCCESS or inside in _REFUSAL) else None


def _status_inside(said: Any) -> int | None:
    """An envelope's `statusCode`, a TokenError's `status`: a number, or three digits in a string."""
    if not isinstance(said, dict):
        return None
    value = said.get("statusCode", said.get("status") if said.get("name") == TOKEN_ERROR else None)
    if isinstance(value, str) and _THREE_DIGITS.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_token_error(said: dict[str, Any]) -> bool:
    name = said.get("name")
    return isinstance(name, str) and (name == TOKEN_ERROR or name in JWT_ERRORS)


def _refuses_jwt(status: int, code: str, message: str) -> bool:
    """A refusal that speaks of the JWT itself; seen as 403 "jwt malformed". A denial with a code is no such thing."""
    if code in JWT_ERRORS:
        return True
    return status == _FORBIDDEN and message.startswith(_JWT_WORDS) and code not in _DENIALS


def _kind(status: int, code: str, message: str, *, token_error: bool) -> Kind:
    """Of an answer that is Thing+'s own. What is documented nowhere is tried again: it proves nothing."""
    if status in _SUCCESS:
        return Kind.RETRY if status in _UNPROVEN else Kind.DELIVERED
    if is_retryable(status):
        return Kind.RETRY
    if token_error or status == _UNAUTHORIZED or _refuses_jwt(status, code, message):
        return Kind.BEARER
    if code in _ACCOUNT_CODES:
        return Kind.ACCOUNT
    if status == _BAD_REQUEST:
        return Kind.RETRY if _TROUBLE.fullmatch(code) else _BAD_REQUEST_CODES.get(code, Kind.READING)
    return _STATUSES.get(status, Kind.RETRY)


def _foreign_kind(status: int) -> Kind:
    """Too large and later mean the same from Thing+ and from a proxy."""
    if status == _TOO_LARGE:
        return Kind.TOO_LARGE
    return Kind.RETRY if is_retryable(status) else Kind.FOREIGN
