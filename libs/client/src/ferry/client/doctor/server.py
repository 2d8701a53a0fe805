"""Checks the server: version, account, permissions, clock."""

import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from ferry.client.doctor import rights
from ferry.client.doctor.findings import Finding, failed, ok, warning, wrong
from ferry.client.doctor.ports import Asking
from ferry.contract.problems import ProblemError

FLOORS = ((2, 12, 14), (2, 14, 4))
"""Older ones lose messages or let a user past permissions (docs/deploy/index.md)."""
ENOUGH_PAYLOAD = 1024 * 1024
CLOCK_WARNING_S, CLOCK_WRONG_S = 2.0, 60.0
"""A reading that is 15 min ahead of the bus is refused; one that is minutes behind only looks late."""


@dataclass(frozen=True, slots=True)
class Server:
    """What it said when we connected. `connected_s`: how long that took."""

    url: str
    info: dict[str, Any]
    connected_s: float


def reached(server: Server) -> list[Finding]:
    version = str(server.info.get("version", "?"))
    found = [
        ok("bus", f"nats-server {version} at {server.url}, connected in {server.connected_s * 1000:.0f} ms")
    ]
    if not _is_enough(version):
        todo = "upgrade it: at least 2.12.14, or 2.14.4"
        found.append(wrong("bus", f"nats-server {version} has bugs that lose messages", todo))
    if not server.info.get("jetstream"):
        found.append(
            wrong("bus", "JetStream is off", "add a jetstream section to the server's configuration")
        )
    payload = server.info.get("max_payload")
    if isinstance(payload, int) and payload < ENOUGH_PAYLOAD:
        todo = "max_payload: 1MB in the server's configuration"
        found.append(warning("bus", f"max_payload is {payload} bytes: no room for dead letters", todo))
    return found


def _is_enough(version: str) -> bool:
    found = re.match(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", version)
    if not found:
        return False
    number = tuple(int(part) for part in found.groups())
    return any(number[:2] == floor[:2] and number >= floor for floor in FLOORS) or number >= (2, 15)


async def account(bus: Asking, limit_s: float) -> list[Finding]:
    """Who we are there and what we may do; and, by the same answer, how the clocks differ."""
    sent = time.time()
    try:
        reply = await bus.request(rights.INFO, timeout_s=limit_s)
    except ProblemError as error:
        todo = f'allow this user to publish to "{rights.INFO}"'
        return [failed("account", error, todo), failed("clock", error, todo)]
    took = time.time() - sent
    try:
        told = json.loads(reply.data)
        user = rights.read(told)
        clock = [_clock(datetime.fromisoformat(told["server"]["time"]), sent + took / 2, took / 2)]
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        todo = "is the server older than 2.10, or does something else answer?"
        return [warning("account", f"the answer of {rights.INFO} cannot be understood", todo)]
    return [_account(user), *clock]


def _account(user: rights.User) -> Finding:
    may, may_not = user.may()
    who = f"user {user.user or '(none)'} of account {user.account}"
    if not may:
        todo = "connect as `operator`: a context, or FERRY_NATS__USER"
        return warning("account", f"{who} has none of an operator's permissions", todo)
    refused = f"; may not {', '.join(may_not)}" if may_not else ""
    return ok("account", f"{who}: may {', '.join(may)}{refused}")


def _clock(theirs: datetime, ours: float, doubt_s: float) -> Finding:
    ahead_s = ours - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)).timestamp()
    words = (
        f"this machine's clock is {abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} the bus's"
    )
    if abs(ahead_s) - doubt_s < CLOCK_WARNING_S:
        return ok("clock", f"within {max(abs(ahead_s), doubt_s):.1f} s of the bus's")
    todo = "set it by NTP, here or on the server: `timedatectl status`"
    return (wrong if abs(ahead_s) - doubt_s >= CLOCK_WRONG_S else warning)("clock", words, todo)
