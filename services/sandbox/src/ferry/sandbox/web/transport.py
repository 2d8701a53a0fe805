"""uvicorn with three things more: statuses from 600 on, a connection that can be reset, a line with its address."""

import json
import socket
import struct
import sys
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

EXTENSION = "ferry.sandbox.connection"
# Thing+ has a 600, and HTTP's grammar takes any three digits
STATUS_LINE.update({status: b"HTTP/1.1 %d \r\n" % status for status in range(600, 1000)})


class Protocol(HttpToolsProtocol):
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"transport": self.transport}}


def close(scope: Any) -> None:
    """Ends the connection after what was written, in the middle of an answer."""
    scope["extensions"][EXTENSION]["transport"].close()


def reset(scope: Any) -> None:
    """Drops the connection with a TCP reset, as a crashed server or an angry firewall does."""
    transport = scope["extensions"][EXTENSION]["transport"]
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Ends in good order, and with 0: uvicorn would raise the signal again afterwards."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            bound = self.servers[0].sockets[0].getsockname()
            host = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
            url = f"http://{host}:{bound[1]}"
            line = {
                "event": "listening",
                "url": url,
                "thingplus": f"{url}/v2",
                "otosense": f"{url}/otosense",
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


def server(app: Any, host: str, port: int) -> Server:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=4096,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    return Server(config)
