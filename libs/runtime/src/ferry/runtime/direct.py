"""nats-py's client with a short way in and out, for messages that come by the thousand.

nats-py makes a Msg of each message, queues it, wakes a task for it, and encodes each publish by itself (decision 0029).
Everything else goes through nats-py as before.
"""

import asyncio

from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, OutboundBufferLimitError

from ferry.bus.client import TolerantClient
from ferry.bus.parser import Receive, TolerantParser


class DirectClient(TolerantClient):
    def __init__(self) -> None:
        super().__init__()
        self._receivers: dict[bytes, Receive] = {}
        self._ps = TolerantParser(self, self._receivers)

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


async def _nothing(_: Msg) -> None:
    """A subscription of nats-py must have a callback."""
