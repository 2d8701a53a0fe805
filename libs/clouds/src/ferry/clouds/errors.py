"""Errors of a cloud, in its own words and without secrets."""

from collections.abc import Collection, Mapping

from ferry.clouds.replies import Kind, is_retryable
from ferry.clouds.retry_after import retry_after_s
from ferry.clouds.thingplus.answers import read_reply
from ferry.clouds.words import parse_json, read_words
from ferry.contract import auth

_UNAUTHORIZED = 401


class CloudError(Exception):
    """A call that brought no good answer. `status` is the HTTP status when there was one."""

    status: int | None = None


class UnreachableError(CloudError):
    """No answer at all. `ambiguous` means that the cloud may have processed the request nevertheless."""

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

    @property
    def retryable(self) -> bool:
        """The same request may succeed later."""
        return is_retryable(self.status)


class BearerRefusedError(RefusedError, auth.BearerRefusedError):
    """It is the token that was refused: another generation may do (RFC 6750 section 3.1)."""


def refusal(
    status: int, headers: Mapping[str, str], text: str, *, bearer: bool, secrets: Collection[str] = ()
) -> RefusedError:
    """The error that an answer of 4xx or 5xx is; `headers` in lower case, `secrets` are replaced in its words."""
    body = text.encode(errors="replace")
    code, message = read_words(parse_json(body)[1], secrets)
    refused = bearer and (status == _UNAUTHORIZED or read_reply(status, body).kind is Kind.BEARER)
    wait_s = retry_after_s(headers.get("retry-after"), headers.get("date"))
    return (BearerRefusedError if refused else RefusedError)(status, code, message or "(no words)", wait_s)
