"""nats-py's client with a short way in and out, for messages that come by the thousand.

nats-py makes a Msg of each message, queues it, wakes a task for it, and encodes each publish by itself (decision 0029).
Everything else goes through nats-py as before.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, OutboundBufferLimitError
from nats.protocol.parser import Parser

from ferry.bus.client import TolerantClient

CRLF = b"\r\n"
VERSION = b"NATS/1.0"
"""What a header block begins with; a status follows in the same line."""

Receive = Callable[[bytes, bytes, bytes, dict[str, str] | None], None]
"""Takes the subject, the reply subject, the body and the headers of a message, as the server sent them."""

_log = structlog.get_logger(__name__)


class DirectClient(TolerantClient):
    def __init__(self) -> None:
        super().__init__()
        self._receivers: dict[bytes, Receive] = {}
        self._ps = DirectParser(self, self._receivers)

    async def receive(self, subject: str, receive: Receive) -> None:
        """What comes on `subject` goes to `receive` at once, in the loop that reads the connection."""
        self._receivers[b"%d" % (self._sid + 1)] = receive  # the number that the subscription gets now
        await self.subscribe(subject, cb=_nothing)

    def send(self, commands: bytes) -> None:
        """Complete commands of the protocol, in one write. Raises nats-py's errors as `publish` does."""
        if self.is_closed:
            raise ConnectionClosedError
        if not self.is_connected and self._pending_data_size + len(commands) > self._max_pending_size:
            raise OutboundBufferLimitError
        self._pending.append(commands)
        self._pending_data_size += len(commands)
        if self.is_connected and self._flush_queue is not None and self._flush_queue.empty():
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())


class DirectParser(Parser):
    """Takes the messages that have a receiver, and leaves every other command to nats-py's parser."""

    _resets = 0

    def __init__(self, client: Client, receivers: Mapping[bytes, Receive]) -> None:
        super().__init__(client)
        self._receivers = receivers

    def reset(self) -> None:
        super().reset()
        self._rest = b""
        self._resets += 1

    async def parse(self, data: bytes = b"") -> None:
        """Raises nats-py's ProtocolError."""
        data, self._rest = self._rest + data, b""
        resets = self._resets
        while data:
            data = data[self._receive(data) :]
            end = _end_of_command(data)
            if end > len(data):
                break
            await super().parse(data[:end])
            if resets != self._resets:  # the rest came over a connection that is given up
                return
            data = data[end:]
        self._rest = data

    def _receive(self, data: bytes) -> int:
        """Passes the complete messages in front to their receivers; returns where the rest begins."""
        at = 0
        while True:
            line = data.find(CRLF, at)
            words = data[at : max(line, at)].split(b" ")
            receive = self._receivers.get(words[2]) if words[0] in _MESSAGES and len(words) > 3 else None  # noqa: PLR2004 - subject, sid, size
            if receive is None:
                return at
            begins = line + 2
            ends = begins + int(words[-1])
            if ends + 2 > len(data):
                return at
            if words[0] == b"MSG":
                reply, headers = words[3:-1], None
                body = data[begins:ends]
            else:
                middle = begins + int(words[-2])
                reply, headers = words[3:-2], headers_of(data[begins:middle])
                body = data[middle:ends]
            try:
                receive(words[1], reply[0] if reply else b"", body, headers)
            except Exception as error:  # noqa: BLE001 - a bug must not end the read loop
                _log.error("nats.receive_failed", exc_info=error)
            at = ends + 2


_MESSAGES = frozenset({b"MSG", b"HMSG"})


def _end_of_command(data: bytes) -> int:
    """Where the first command ends; beyond the data where it is not complete. At a space alone words are parted."""
    line = data.find(CRLF)
    if line < 0:
        return len(data) + 1
    words = data[:line].split(b" ")
    size = int(words[-1]) + 2 if words[0] in _MESSAGES and words[-1].isdigit() else 0
    return line + 2 + size


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


async def _nothing(_: Msg) -> None:
    """A subscription of nats-py must have a callback."""
