"""nats-py's client without its faults: what stops its reader, what keeps it from closing, TLS that is left out."""

import logging
import ssl
import time
from typing import Literal
from urllib.parse import ParseResult

from nats.aio.client import DEFAULT_BUFFER_SIZE, Client, Srv
from nats.aio.msg import Msg
from nats.aio.transport import TcpTransport

from ferry.bus.parser import TolerantParser

_log = logging.getLogger(__name__)


class NotEncryptedError(Exception):
    """TLS is asked for, and the server offers none. Nothing was sent to it."""

    def __init__(self) -> None:
        super().__init__("the server does not speak TLS, which the URL or a CA file asks for")


class TolerantClient(Client):
    """nats-py's client, whose reader survives every message that the server passes on.

    nats-py 2.16 decodes subjects and inline status headers as UTF-8 in its read loop. The server checks neither, and
    one message that fails there ends the loop: the client hears nothing more until its pings go unanswered.
    """

    def __init__(self, undecodable: Literal["surrogateescape", "replace"] = "surrogateescape") -> None:
        """`undecodable`: how bytes of a subject that are not UTF-8 are decoded: surrogates (PEP 383), or U+FFFD."""
        super().__init__()
        self._undecodable = undecodable
        self._ps = TolerantParser(self, {})

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        return self.msg_class(
            subject=subject.decode(errors=self._undecodable),
            reply=reply.decode(errors=self._undecodable),
            data=data,
            headers=headers,
            _client=self,
            _sid=sid,
        )

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        """None for headers that cannot be read: the message comes without them."""
        try:
            return await super()._process_headers(headers)
        except (ValueError, LookupError) as error:
            _log.warning("a message's headers cannot be read: %s", type(error).__name__)
            return None

    def _connect_command(self) -> bytes:
        """Who we are. Raises NotEncryptedError before it is sent.

        nats-py 2.16 leaves it to the server whether there is TLS: who stands between would get a password.
        """
        asked_for = self.options.get("tls") or any(one.uri.scheme == "tls" for one in self._server_pool)
        scheme = self._current_server.uri.scheme if self._current_server else ""
        if asked_for and scheme not in {"ws", "wss"} and not self._server_info.get("tls_required"):
            raise NotEncryptedError
        return super()._connect_command()

    async def _connect_to_server(self, s: Srv) -> None:
        if s.uri.scheme in {"ws", "wss"}:
            await super()._connect_to_server(s)
            return
        s.last_attempt = time.monotonic()
        self._transport = _Transport()  # type: ignore[no-untyped-call]
        await self._transport.connect(s.uri, DEFAULT_BUFFER_SIZE, self.options["connect_timeout"])


class _Transport(TcpTransport):
    """After a failed TLS handshake nothing is left to close.

    nats-py 2.16 waits for the end of a stream whose protocol the handshake has replaced: since Python 3.12 that
    wait never ends, so `connect` neither fails nor tries again.
    """

    async def connect_tls(
        self, uri: str | ParseResult, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: int
    ) -> None:
        try:
            await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)
        except BaseException:
            if self._io_writer:
                self._io_writer.transport.abort()
            self._io_reader = self._io_writer = None
            raise
