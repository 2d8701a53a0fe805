"""Checks both clouds as the services see them: their tokens, and one harmless request through the registry."""

from ferry.client.doctor.findings import Finding, count, failed, ok, warning, wrong
from ferry.client.doctor.ports import Asking
from ferry.contract import subjects
from ferry.contract.auth import AuthState, CloudState, StateRequest
from ferry.contract.problems import ProblemError
from ferry.contract.registry import SiteList, SitesRequest

CURES = {
    "refused": "put the right credentials into auth's secrets; no restart is needed",
    "unavailable": "can auth's machine reach the cloud (DNS, proxy, firewall)?",
    "bad_answer": "is the URL that of the cloud's API? A proxy may answer instead",
    "unconfigured": "nothing, if this cloud is not used; otherwise set its URL and account for auth",
    "starting": "ask again in a few seconds",
}


async def tokens(bus: Asking, limit_s: float) -> list[Finding]:
    try:
        state = await bus.ask(subjects.AUTH_STATE_GET, StateRequest(), AuthState, timeout_s=limit_s)
    except ProblemError as error:
        return [failed("tokens", error, "start auth, then `ferry auth state`")]
    return [_token(cloud) for cloud in state.clouds]


def _token(cloud: CloudState) -> Finding:
    name = f"{cloud.cloud} token"
    if cloud.state == "ok":
        failing = (
            f"; the last {cloud.failures} refreshes failed: {cloud.detail or '?'}" if cloud.failures else ""
        )
        if failing:
            return warning(
                name, f"good (generation {cloud.generation}){failing}", cloud.hint or CURES["unavailable"]
            )
        return ok(name, f"good (generation {cloud.generation})")
    words = cloud.state.replace("_", " ") + (f": {cloud.detail}" if cloud.detail else "")
    if cloud.state == "unconfigured":
        return ok(name, words)
    state = warning if cloud.state == "starting" else wrong
    return state(name, words, cloud.hint or CURES[cloud.state])


async def sites(bus: Asking, limit_s: float) -> list[Finding]:
    """A list that the registry asks Thing+ for."""
    try:
        found = await bus.ask(subjects.REGISTRY_SITES_LIST, SitesRequest(), SiteList, timeout_s=limit_s)
    except ProblemError as error:
        return [failed("thingplus", error, "`ferry auth state`; can the registry's machine reach the cloud?")]
    return [ok("thingplus", f"answers the registry: {count(len(found.items), 'site')}")]
