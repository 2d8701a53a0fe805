"""What can go wrong with a cloud, in the cloud's own words and never with a secret of ours."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from ferry.contract import auth

LONGEST_WORDS = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class CloudError(Exception):
    """A call that brought no good answer. `status` is the HTTP status when there was one."""

    status: int | None = None


class UnreachableError(CloudError):
    """No answer at all. `ambiguous` means that the cloud may have acted on the request all the same."""

    def __init__(self, what: str, *, ambiguous: bool) -> None:
        super().__init__(f"no answer from the cloud: {what}")
        self.ambiguous = ambiguous


class BadAnswerError(CloudError):
    """An answer that means nothing to us: a redirect, no JSON, far too long. The cloud may have acted."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(f"the cloud answered {status} with {what}")
        self.status = status


class RefusedError(CloudError):
    """4xx or 5xx. `code` and `message` are the cloud's; `retry_after_s` is in s (RFC 9110 section 10.2.3)."""

    status: int

    def __init__(self, status: int, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"the cloud refused with {status}{' ' + code if code else ''}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


class BearerRefusedError(RefusedError, auth.BearerRefusedError):
    """It is the token that was refused: another generation may do (RFC 6750 section 3.1)."""


def refusal(
    status: int, headers: Mapping[str, str], text: str, *, bearer: bool, secrets: Iterable[str] = ()
) -> RefusedError:
    """The error that an answer of 4xx or 5xx is; `headers` in lower case, `secrets` are blotted out."""
    found = parse_json(text)
    code, message = words(found)
    code, message = clean(code, secrets), clean(message, secrets)
    retry_after_s = parse_retry_after(headers.get("retry-after"))
    kind = BearerRefusedError if bearer and _about_the_bearer(status, found) else RefusedError
    return kind(status, code, message or "(no words)", retry_after_s)


def words(found: Any) -> tuple[str, str]:
    """Code and message of Thing+'s envelope, its TokenError, RFC 6749's error, or a bare string."""
    if isinstance(found, str):
        return "", found
    if not isinstance(found, dict):
        return "", ""
    errors = found.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    codes = (first.get("code"), found.get("code"), found.get("error"), found.get("name"))
    messages = (first.get("message"), found.get("message"), found.get("error_description"))
    return _first_text(codes), _first_text(messages)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """One line of at most 300 characters; a cloud that echoes a secret does not get it into our log."""
    for secret in sorted((secret for secret in secrets if secret), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return _CONTROL.sub(" ", text)[:LONGEST_WORDS].strip()


def parse_json(text: str) -> Any:
    """The value, or None when it is no JSON (RFC 8259: no NaN, no nesting beyond sense)."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def parse_retry_after(value: str | None) -> float | None:
    """Seconds to wait from now, from delay-seconds or an HTTP date; None when it says neither."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time.time())


def _first_text(candidates: Iterable[Any]) -> str:
    return next((item for item in candidates if isinstance(item, str) and item), "")


def _about_the_bearer(status: int, found: Any) -> bool:
    """401, and the 403 of Thing+ that speaks of the JWT itself (seen in the field: "jwt malformed")."""
    if status == 401:  # noqa: PLR2004 - HTTP's number says it best
        return True
    code, message = words(found)
    about_jwt = code in {"JsonWebTokenError", "TokenExpiredError"} or message.startswith("jwt ")
    return status == 403 and about_jwt  # noqa: PLR2004


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
