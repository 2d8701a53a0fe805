"""The parser of a NATS connection: messages are split as nats-server writes them, other commands are nats-py's."""

import logging
from collections.abc import Awaitable, Callable, Mapping

from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

CRLF = b"\r\n"
VERSION = b"NATS/1.0"
"""What a header block begins with; a status follows in the same line."""
MESSAGES = {b"MSG": 4, b"HMSG": 5}
"""The words of a message's line when it names no reply subject."""

Receive = Callable[[bytes, bytes, bytes, dict[str, str] | None], None]
"""Takes the subject, the reply subject, the body and the headers of a message, as the server sent them."""

_log = logging.getLogger(__name__)


class TolerantParser(Parser):
    """Splits the line of a message at spaces alone.

    nats-py 2.16 also splits at a vertical tab and a form feed. The server allows both in a subject, and nats-py gives
    the connection up. `receivers`, by the number of a subscription, get their messages without nats-py's queue.
    """

    _resets = 0

    def __init__(self, client: Client, receivers: Mapping[bytes, Receive]) -> None:
        super().__init__(client)
        self._receivers = receivers

    def reset(self) -> None:
        super().reset()
        self._rest = b""
        self._resets += 1

    async def parse(self, data: bytes = b"") -> None:
        """Raises ProtocolError."""
        data, resets, at = self._rest + data, self._resets, 0
        while (line := data.find(CRLF, at)) >= 0:
            words = data[at:line].split(b" ")
            least = MESSAGES.get(words[0])
            if least is None or len(words) < least:
                await super().parse(data[at : line + 2])
                at = line + 2
            else:
                try:
                    ends = line + 2 + int(words[-1])
                except ValueError:
                    raise ProtocolError from None
                if ends + 2 > len(data):
                    break
                work = self._message(words, len(words) > least, data[line + 2 : ends])
                if work is not None:
                    await work
                at = ends + 2
            if resets != self._resets:  # the rest came over a connection that is given up
                return
        self._rest = data[at:]

    def _message(self, words: list[bytes], has_reply: bool, content: bytes) -> Awaitable[None] | None:
        """None where a receiver has it by now."""
        block = b""
        if words[0] == b"HMSG":
            middle = int(words[-2])
            block, content = content[:middle], content[middle:]
        subject, sid, reply = words[1], words[2], words[3] if has_reply else b""
        receive = self._receivers.get(sid)
        if receive is None:
            work: Awaitable[None] = self.nc._process_msg(int(sid), subject, reply, content, block or None)  # noqa: SLF001 - as nats-py's parser does
            return work
        try:
            receive(subject, reply, content, headers_of(block) if block else None)
        except Exception:  # noqa: BLE001 - a bug must not end the read loop
            _log.exception("a message's receiver failed")
        return None


def headers_of(block: bytes) -> dict[str, str]:
    """Of a header block. `Status` and `Description` are those of its first line, where it has them."""
    first, *lines = block.split(CRLF)
    headers: dict[str, str] = {}
    status, _, description = first.removeprefix(VERSION).strip().partition(b" ")
    if status:
        headers["Status"] = status.decode(errors="replace")
    if description:
        headers["Description"] = description.decode(errors="replace")
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and name.isascii():
            headers[name.strip().decode()] = value.strip().decode(errors="replace")
    return headers
