"""The meaning of a cloud's answer, and the retryable statuses: one list for all of Ferry. Pure."""

from dataclasses import dataclass
from enum import StrEnum

_RETRYABLE = frozenset({408, 425, 429, 444, 504, 600})


class Kind(StrEnum):
    DELIVERED = "delivered"
    """2xx in the cloud's own words."""
    BEARER = "bearer"
    """The token was refused: another generation of it may do (RFC 6750 section 3.1)."""
    PAST_TIME = "past_time"
    """400 INVALID_INPUT: a time not after the sensor's newest, or other bad input."""
    READING = "reading"
    """What was sent is refused, for good."""
    TOO_LARGE = "too_large"
    """413, from anybody: a statement about the size alone."""
    ENTITY = "entity"
    """The gateway, device or sensor is refused: 403, 404, 409."""
    ACCOUNT = "account"
    """The whole account is refused: 471, BILLING, NEED_LOGIN."""
    RETRY = "retry"
    """The same request may succeed later; whether this one did is not said."""
    FOREIGN = "foreign"
    """Not the cloud's answer: it says nothing of the request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` is the effective one: a 200 that says 400 inside counts as the 400.

    `code` and `message` are the answerer's, one line each, of at most 64 and 300 characters. `content_type` is set
    where the answer is not the cloud's own: the media type, or "empty body", "untyped body".
    """

    kind: Kind
    status: int
    code: str = ""
    message: str = ""
    content_type: str = ""
    cloud: str = "Thing+"

    @property
    def words(self) -> str:
        """One line for operators, such as `404 text/html: not Thing+'s`."""
        said = f"{self.code}: {self.message}".strip(": ")
        if not self.content_type:
            return f"{self.status} {said}".strip()
        what = f"{self.status} {self.content_type}: not {self.cloud}'s"
        return f"{what} ({said})" if said else what


def is_retryable(status: int) -> bool:
    """Whether the same request may succeed later, by its HTTP status alone."""
    return status in _RETRYABLE or 500 <= status <= 599  # noqa: PLR2004 - HTTP's class
