"""Checks that all services run, with the same version as this command."""

from collections import defaultdict

from ferry.client import services
from ferry.client.doctor.findings import Finding, count, failed, ok, warning, wrong
from ferry.client.doctor.ports import Asking
from ferry.contract.problems import ProblemError


async def processes(bus: Asking, ours: str, within_s: float) -> list[Finding]:
    """`ours` is this command's version."""
    try:
        found = await services.running(bus, within_s)
    except ProblemError as error:
        return [failed("services", error, f'allow this user to publish to "{services.STATS}"')]
    versions: dict[str, list[str]] = defaultdict(list)
    for instance in found:
        versions[instance.service].append(instance.version)
    names = [*services.NAMES, *sorted(versions.keys() - set(services.NAMES))]
    return [_service(name, versions.get(name, []), ours) for name in names]


def _service(name: str, versions: list[str], ours: str) -> Finding:
    if not versions:
        todo = f"start it, or check that it is on this bus and may subscribe to {services.STATS}?"
        return wrong("services", f"{name} does not answer", todo)
    distinct = sorted(set(versions))
    words = f"{name} {', '.join(distinct)}" + (
        f", {count(len(versions), 'replica')}" if len(versions) > 1 else ""
    )
    if distinct != [ours]:
        todo = f"this command is {ours}: upgrade what is older"
        return warning("services", words, todo)
    return ok("services", words)
