"""The sites that a fleet file names, found among the account's before anything is asked for."""

import difflib
from collections.abc import Sequence

from ferry.client.bus import Bus
from ferry.client.fleet_file import DeclaredSite, Fleet
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Site, SiteList, SitesRequest


async def placed(bus: Bus, fleet: Fleet) -> Fleet:
    """Every gateway on its site. Raises ProblemError when the account, or the file's `sites`, has no such one.

    A file with neither `sites` nor `site` asks nothing: a `siteId` is taken as it is, the only site without one.
    """
    if not fleet.sites and not fleet.site_of:
        return fleet
    account = (await bus.ask(subjects.REGISTRY_SITES_LIST, SitesRequest(), SiteList)).items
    return place(fleet, account)


def place(fleet: Fleet, account: Sequence[Site]) -> Fleet:
    declared = [_declared(one, account) for one in fleet.sites]
    allowed, where = (declared, "the file's sites") if declared else (account, "the account")
    only = declared[0].id if len(declared) == 1 else None
    gateways = []
    for gateway in fleet.gateways:
        called = fleet.site_of.get(str(gateway.req_id)) or (gateway.site_id if declared else None)
        site = _named(called, allowed, where, "site").id if called else only or gateway.site_id
        if declared and site is None:
            raise _unknown(None, allowed, where, "site")
        gateways.append(gateway.model_copy(update={"site_id": site}))
    return fleet.model_copy(update={"gateways": gateways})


def _declared(wanted: DeclaredSite, account: Sequence[Site]) -> Site:
    if wanted.id is None:
        return _named(str(wanted.name), account, "the account", "sites")
    found = next((site for site in account if site.id == wanted.id), None)
    if found is None:
        raise _unknown(wanted.id, account, "the account", "sites")
    if wanted.name not in (None, found.name):
        raise ProblemError.of(
            "mismatch", 422, f"site {found.id} is called {found.name!r}, not {wanted.name!r}", field="sites"
        )
    return found


def _named(called: str, among: Sequence[Site], where: str, field: str) -> Site:
    """By id, or by a name that only one has."""
    found = [site for site in among if site.id == called] or [site for site in among if site.name == called]
    if len(found) == 1:
        return found[0]
    if found:
        raise ProblemError.of(
            "which-site",
            422,
            f"{where} has several sites called {called!r}",
            field=field,
            allowed=[site.id for site in found],
            hint="say its id",
        )
    raise _unknown(called, among, where, field)


def _unknown(called: str | None, among: Sequence[Site], where: str, field: str) -> ProblemError:
    names = [word for site in among for word in (site.id, site.name) if word]
    near = difflib.get_close_matches(called or "", names, 1)
    return ProblemError.of(
        "unknown-site",
        422,
        f"{where} has no site {called!r}"
        if called
        else "a gateway does not say on which of the file's sites it is",
        field=field,
        allowed=names,
        hint=f"did you mean {near[0]!r}?" if near else "the portal makes sites; `ferry sites` lists them",
    )
