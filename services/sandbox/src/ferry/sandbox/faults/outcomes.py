"""What a fault makes of an answer, and how an answer is put on the wire."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ferry.sandbox.faults.armed import Armed, Fault
from ferry.sandbox.thingplus.envelope import failure
from ferry.sandbox.web.http import Answer

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
CODES = {400: "INVALID_INPUT", 403: "ACL_DENY", 404: "NOT_FOUND", 409: "CONFLICT", 471: "BILLING"}
PIECE = 64 * 1024


@dataclass(slots=True)
class Outcome:
    """The answer, or None when the connection ends without one."""

    answer: Answer | None
    kind: str = ""
    fault: Fault | None = None
    faults: list[str] = field(default_factory=list)


def decide(struck: list[Armed]) -> tuple[list[Armed], Armed | None]:
    """Every latency counts; of the others the first."""
    delays = [armed for armed in struck if armed.fault.kind == "latency"]
    others = [armed for armed in struck if armed.fault.kind != "latency"]
    return delays, others[0] if others else None


def refused(path: str, status: int, code: str, message: str) -> Answer:
    if path.startswith("/v2"):
        return Answer.of(status, failure(status, code, message))
    return Answer.of(status, {"message": message})


def fault_answer(armed: Armed, cloud: str, committed: Answer | None, now_s: float) -> Answer:
    fault = armed.fault
    if fault.kind == "redirect":
        status = fault.status if 300 <= fault.status < 400 else 302  # noqa: PLR2004 - HTTP's own range
        return Answer.of(status, {"message": "Moved"}, {"Location": fault.location})
    if fault.kind == "huge":
        return Answer(200, b"")
    if fault.kind == "malformed" and committed is not None:
        return Answer(committed.status, committed.body[: len(committed.body) // 2] + b"\xff{", headers=[])
    if fault.kind == "slow_body" and committed is not None:
        return committed
    retry_after = armed.retry_after(now_s)
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answer.of(fault.status, _body(fault, cloud), headers)


def _body(fault: Fault, cloud: str) -> Any:
    if fault.body is not msgspec.UNSET:
        return fault.body
    if cloud == "otosense":
        return {"message": f"fault: {fault.status}"}
    if fault.status == 401:  # noqa: PLR2004 - HTTP's own number
        return {"name": "JsonWebTokenError", "message": "invalid token"}
    code = fault.code or CODES.get(fault.status, "SERVER_ERROR")
    return failure(fault.status, code, "fault on purpose")


async def send_body(send: Send, answer: Answer, outcome: Outcome) -> None:
    size = len(answer.body)
    fault = outcome.fault
    if outcome.kind == "huge" and fault is not None:
        size = fault.bytes
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(size).encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if fault is not None and outcome.kind == "huge":
        await _send_huge(send, size)
    elif fault is not None and outcome.kind == "slow_body":
        await _send_slowly(send, answer.body, fault.duration_s)
    else:
        await send({"type": "http.response.body", "body": answer.body})


async def _send_huge(send: Send, size: int) -> None:
    piece = b" " * PIECE
    left = size
    while left > 0:
        await send({"type": "http.response.body", "body": piece[:left], "more_body": left > PIECE})
        left -= PIECE


async def _send_slowly(send: Send, body: bytes, duration_s: float) -> None:
    pieces = [body[index : index + 1] for index in range(min(20, len(body)))]
    pieces.append(body[len(pieces) :])
    for piece in pieces:
        await asyncio.sleep(duration_s / len(pieces))
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
