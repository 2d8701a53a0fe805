"""What a fault makes of an answer, and how an answer is put on the wire."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ferry.sandbox.faults.armed import Armed
from ferry.sandbox.faults.fault import Fault
from ferry.sandbox.thingplus.envelope import failure
from ferry.sandbox.web.http import JSON, Answer, encode, header_pairs

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
CODES = {400: "INVALID_INPUT", 403: "ACL_DENY", 404: "NOT_FOUND", 409: "CONFLICT", 471: "BILLING"}
PIECE = 64 * 1024
MOST_DRIPS = 400
BODILESS = frozenset({204, 304})
REDIRECTS = range(300, 400)
AFTER_WORK = frozenset({"reset_after", "slow_body", "cut_body", "malformed"})


@dataclass(slots=True)
class Outcome:
    """The answer, or None when the connection ends without one."""

    answer: Answer | None
    kind: str = ""
    fault: Fault | None = None
    faults: list[str] = field(default_factory=list)


def commits(fault: Fault) -> bool:
    """Whether the work is done although the answer is not what it would be."""
    return fault.kind in AFTER_WORK or fault.commit


def refused(path: str, status: int, code: str, message: str) -> Answer:
    if path.startswith("/v2"):
        return Answer.of(status, failure(status, code, message))
    return Answer.of(status, {"message": message})


def fault_answer(armed: Armed, cloud: str, committed: Answer | None, now_s: float) -> Answer:
    """The answer under a fault that has one; `committed` is what the work would have been answered with."""
    fault = armed.fault
    content_type, headers = _headers(armed, now_s)
    if fault.kind == "redirect":
        status = fault.status if fault.status in REDIRECTS else 302
        return Answer(status, _body(fault, status, cloud), content_type, headers)
    if fault.kind == "huge":
        return Answer(200, b"", content_type, headers)
    if committed is None or fault.kind == "status":
        return Answer(fault.status, _body(fault, fault.status, cloud), content_type, headers)
    body = committed.body
    if fault.kind == "malformed":
        body = body[: len(body) // 2] + b"\xff{"
    return Answer(committed.status, body, committed.content_type, [*committed.headers, *headers])


def _headers(armed: Armed, now_s: float) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The content type, which every answer has once, and all other headers."""
    content_type, others = JSON, []
    for name, value in header_pairs(armed.headers(now_s)):
        if name == b"content-type":
            content_type = value
        else:
            others.append((name, value))
    return content_type, others


def _body(fault: Fault, status: int, cloud: str) -> bytes:
    if fault.text is not None:
        return fault.text.encode("utf-8", "surrogatepass")
    if fault.body is not msgspec.UNSET:
        return encode(fault.body)
    if cloud == "otosense":
        return encode({"message": f"fault: {status}"})
    if status == 401:  # noqa: PLR2004 - HTTP's own number
        return encode({"name": "JsonWebTokenError", "message": "invalid token"})
    code = fault.code or CODES.get(status, "INTERNAL_ERROR")
    return encode(failure(status, code, "fault on purpose"))


async def send_body(send: Send, answer: Answer, outcome: Outcome) -> bool:
    """Whether the answer was sent to its end."""
    body, fault = answer.body, outcome.fault
    bodiless = answer.status in BODILESS
    size = fault.bytes if fault is not None and outcome.kind == "huge" else len(body)
    headers = list(answer.headers)
    if not bodiless:
        headers += [(b"content-type", answer.content_type), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if bodiless:
        await send({"type": "http.response.body", "body": b""})
    elif fault is not None and outcome.kind == "huge":
        await _send_huge(send, size)
    elif fault is not None and outcome.kind == "slow_body":
        await _send_slowly(send, body, fault.duration_s)
    elif outcome.kind == "cut_body":
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        return False
    else:
        await send({"type": "http.response.body", "body": body})
    return True


async def _send_huge(send: Send, size: int) -> None:
    piece = b" " * PIECE
    left = size
    while left > 0:
        await send({"type": "http.response.body", "body": piece[:left], "more_body": left > PIECE})
        left -= PIECE


async def _send_slowly(send: Send, body: bytes, duration_s: float) -> None:
    """A few bytes at a time, evenly over the duration, so that no client's time between two reads runs out."""
    step = -(-len(body) // MOST_DRIPS) or 1
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    for piece in pieces:
        await asyncio.sleep(duration_s / len(pieces))
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
