"""The console's events: who did what, published before it is done and after."""

from typing import Literal

from pydantic import JsonValue

from ferry.contract.model import Message

SignedInBy = Literal["token", "proxy"]
"""`token`: one of the console's own. `proxy`: a proxy that the console trusts named the person."""


class ActionStarted(Message):
    """`events.console.action.started`: stored before anything is done, or nothing is done."""

    id: str
    who: str
    signed_in_by: SignedInBy
    subject: str
    """The subject of the request that does it, and its body."""
    request: dict[str, JsonValue]


class ActionFinished(ActionStarted):
    """`events.console.action.finished`. `problem` is why it ended early."""

    done: int
    failed: int
    problem: str | None = None
