"""Where an answer may go: into an inbox and nowhere else.

The caller names the subject that the answer is published to, and a service may publish to more subjects than
they may. An answer to anything but an inbox would lend them the service's rights.
"""

import re
import time

import structlog
from nats.aio.client import Client
from opentelemetry.metrics import Meter

from ferry.contract.operations import ASKED_BY_SERVICES

LONGEST_INBOX = 255
"""Characters. The server closes the connection of who sends a line of more than 4 KiB."""
_TOKEN = r"[!-)+-\-/-=?-~]+"  # noqa: S105 - visible ASCII without a dot and the wildcards * and >
_INBOX = re.compile(rf"_INBOX(?:_(?P<user>{_TOKEN}))?(?:\.{_TOKEN})+", re.ASCII)
_LOG_EVERY_S = 10.0
_LONGEST_SHOWN = 100

_log = structlog.get_logger(__name__)


def is_inbox(reply: str) -> bool:
    """Whether it is `_INBOX.…`, as clients of every language make it, or `_INBOX_<user>.…`."""
    return len(reply) <= LONGEST_INBOX and _INBOX.fullmatch(reply) is not None


def may_answer(subject: str, reply: str) -> bool:
    """Whether a request on `subject` may be answered to `reply`: an inbox, and a service's only if it asks for this."""
    found = _INBOX.fullmatch(reply) if len(reply) <= LONGEST_INBOX else None
    if found is None:
        return False
    asked = ASKED_BY_SERVICES.get(found["user"] or "")
    return asked is None or subject in asked


class Inboxes:
    """Sends answers; counts and logs the requests that named no inbox, one line each 10 s."""

    def __init__(self, meter: Meter) -> None:
        self._ignored = meter.create_counter(
            "ferry.requests.ignored", description="requests whose reply subject is not an inbox"
        )
        self._since_logged = 0
        self._log_again = 0.0

    def accept(self, subject: str, reply: str) -> bool:
        """Whether to serve a request on `subject` whose answer is to go to `reply`."""
        if may_answer(subject, reply):
            return True
        self._ignored.add(1, {"subject": subject})
        self._since_logged += 1
        if (now := time.monotonic()) >= self._log_again:
            _log.warning(
                "request.ignored",
                subject=subject,
                reply=ascii(reply[:_LONGEST_SHOWN]),
                count=self._since_logged,
                hint="answers are sent only to the caller's inbox (_INBOX.…): use your client's request call",
            )
            self._since_logged, self._log_again = 0, now + _LOG_EVERY_S
        return False

    async def answer(
        self, client: Client, reply: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        """Raises ValueError for what is no inbox, and nats-py's errors."""
        if not is_inbox(reply):
            raise ValueError("an answer goes to an inbox alone")
        await client.publish(reply, body, headers=headers)
