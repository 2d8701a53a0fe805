"""Runs all checks concurrently, each independent of the others and within its time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ferry.client.doctor.clouds import sites, tokens
from ferry.client.doctor.delivery import delivery
from ferry.client.doctor.findings import Finding, wrong
from ferry.client.doctor.monitor import disk
from ferry.client.doctor.ports import Asking
from ferry.client.doctor.processes import processes
from ferry.client.doctor.server import account
from ferry.client.doctor.streams import storage, streams
from ferry.client.topology import Infos
from ferry.contract.problems import ProblemError

CHECK_S = 5.0
GRACE_S = 1.0
"""A check says by itself what took too long; one that does not is ended a moment later."""
FAULT = "FERRY_DEBUG=1 shows where; please report it"

Check = Callable[[], Awaitable[list[Finding]]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at; `version` is this command's, `check_s` (s) bounds each check."""

    bus: Asking
    jetstream: Infos
    version: str
    check_s: float = CHECK_S


async def examined(subject: Subject) -> list[Finding]:
    """In a fixed order."""
    bus, limit_s = subject.bus, subject.check_s
    checks: dict[str, Check] = {
        "account": lambda: account(bus, limit_s),
        "services": lambda: processes(bus, subject.version, limit_s),
        "tokens": lambda: tokens(bus, limit_s),
        "thingplus": lambda: sites(bus, limit_s),
        "leases": lambda: delivery(bus, limit_s),
        "streams": lambda: streams(bus, subject.jetstream),
        "storage": lambda: storage(bus, limit_s),
    }
    found = await asyncio.gather(*(_bounded(name, check, limit_s) for name, check in checks.items()))
    return [finding for each in found for finding in each]


async def on_disk(url: str, limit_s: float = CHECK_S) -> list[Finding]:
    return await _bounded("disk", lambda: disk(url, limit_s), limit_s)


async def _bounded(name: str, check: Check, limit_s: float) -> list[Finding]:
    try:
        async with asyncio.timeout(limit_s + GRACE_S):
            return await check()
    except TimeoutError:
        return [wrong(name, f"no answer within {limit_s:g} s", "is the machine or the network overloaded?")]
    except ProblemError as error:
        return [wrong(name, str(error), error.problem.hint or "run it again")]
    except Exception as error:  # noqa: BLE001 - whatever a check meets, the others are shown
        return [wrong(name, f"the check failed: {type(error).__name__}: {error}", FAULT)]
