"""Telemetry that kills itself at one exact place: `failpoint.py PLACE PASS`, when it comes there the PASS-th time."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from nats.js.client import JetStreamContext

from ferry.runtime.direct import DirectClient
from ferry.telemetry.__main__ import main
from ferry.telemetry.delivery.cloud.client import ThingPlusCloud
from ferry.telemetry.delivery.ports import Answer

Strike = Callable[[], None]
"""Counts a pass, and ends the process with the last one."""
_flushes: list[asyncio.Future[None]] = []


def countdown(passes: int) -> Strike:
    left = passes

    def strike() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return strike


def nothing() -> None:
    return


def at_put(before: Strike = nothing, after: Strike = nothing) -> None:
    put = ThingPlusCloud.put

    async def struck(self: ThingPlusCloud, path: str, body: bytes, bearer: str) -> Answer:
        before()
        answer = await put(self, path, body, bearer)
        if answer.status < 300:
            after()
        return answer

    ThingPlusCloud.put = struck  # type: ignore[method-assign]


def at_word(word: bytes, before: Strike = nothing, after: Strike = nothing) -> None:
    """What the stream is told of a message: `+ACK`, `+TERM`, many at once. After means that the server has it."""
    send = DirectClient.send

    def struck(self: DirectClient, commands: bytes) -> None:
        told = b"PUB $JS.ACK." in commands and b"\r\n" + word in commands
        if told:
            before()
        send(self, commands)
        if told and after is not nothing:
            _flushes.append(asyncio.ensure_future(flushed(self)))

    async def flushed(client: DirectClient) -> None:
        await client.flush()
        after()

    DirectClient.send = struck  # type: ignore[method-assign]


def at_dead_letter(before: Strike = nothing, after: Strike = nothing) -> None:
    """After means that the stream has confirmed the dead letter."""
    publish = JetStreamContext.publish

    async def struck(self: JetStreamContext, subject: str, *args: Any, **options: Any) -> Any:
        dead = subject.startswith("ferry.v1.dead.")
        if dead:
            before()
        confirmed = await publish(self, subject, *args, **options)
        if dead:
            after()
        return confirmed

    JetStreamContext.publish = struck  # type: ignore[method-assign]


PLACES: dict[str, Callable[[Strike], None]] = {
    "before_put": lambda strike: at_put(before=strike),
    "after_put": lambda strike: at_put(after=strike),
    "before_ack": lambda strike: at_word(b"+ACK", before=strike),
    "after_ack": lambda strike: at_word(b"+ACK", after=strike),
    "before_dead_letter": lambda strike: at_dead_letter(before=strike),
    "after_dead_letter": lambda strike: at_dead_letter(after=strike),
    "before_term": lambda strike: at_word(b"+TERM", before=strike),
    "after_term": lambda strike: at_word(b"+TERM", after=strike),
}

if __name__ == "__main__":
    PLACES[sys.argv[1]](countdown(int(sys.argv[2])))
    main()
