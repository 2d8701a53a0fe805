"""Finds the sites that a fleet file names in the account, before anything is requested."""

import difflib
from collections.abc import Iterator, Sequence

from ferry.client.bus import Bus
from ferry.client.fleet.file.declared import DeclaredSite
from ferry.client.fleet.file.mistakes import Mistake, MistakesError, Path, mistake
from ferry.client.fleet.wanted import Fleet
from ferry.contract import subjects
from ferry.contract.registry import Site, SiteList, SitesRequest


async def place(bus: Bus, fleet: Fleet) -> None:
    """Every gateway on its site. Raises MistakesError when the account, or the file's `sites`, has no such one.

    A file with neither `sites` nor `site` asks nothing: a `siteId` is taken as it is, the only site without one.
    """
    if fleet.sites or any(gateway.site for gateway in fleet.gateways):
        account = (await bus.ask(subjects.REGISTRY_SITES_LIST, SitesRequest(), SiteList)).items
        place_among(fleet, account)


def place_among(fleet: Fleet, account: Sequence[Site]) -> None:
    """The same with the account's sites."""
    placing = _Placing(fleet, account)
    mistakes = [*placing.declared(), *placing.gateways()]
    if mistakes:
        raise MistakesError(fleet.source.file, mistakes)


class _Placing:
    def __init__(self, fleet: Fleet, account: Sequence[Site]) -> None:
        self._fleet = fleet
        self._account = account
        self._allowed: Sequence[Site] = []

    def declared(self) -> Iterator[Mistake]:
        """The file's `sites`, which become those that gateways may be on."""
        found: list[Site] = []
        for number, wanted in enumerate(self._fleet.sites):
            site = self._declared(wanted)
            if isinstance(site, Site):
                found.append(site)
            else:
                yield mistake(self._fleet.source, ("sites", number), site)
        self._allowed = found if self._fleet.sites else self._account
        self._fleet.site_ids = {site.id for site in found} if self._fleet.sites else None

    def gateways(self) -> Iterator[Mistake]:
        if self._fleet.sites and not self._allowed:
            return
        where = "the file's sites" if self._fleet.sites else "the account"
        for gateway in self._fleet.gateways:
            called, field = gateway.site, "site"
            if called is None and self._fleet.sites and "siteId" in gateway.fields:
                called, field = str(gateway.fields["siteId"]), "siteId"
            path: Path = (*gateway.path, field)
            if called is not None:
                site = _named(called, self._allowed, where)
                if isinstance(site, str):
                    yield mistake(self._fleet.source, path, f"{field}: {site}")
                else:
                    gateway.fields["siteId"] = site.id
            elif len(self._fleet.sites) == 1:
                gateway.fields["siteId"] = self._allowed[0].id
            elif self._fleet.sites:
                yield mistake(
                    self._fleet.source, path, "site: name the site of the file that the gateway is on"
                )

    def _declared(self, wanted: DeclaredSite) -> Site | str:
        if wanted.id is None:
            return _named(str(wanted.name), self._account, "the account")
        found = next((site for site in self._account if site.id == wanted.id), None)
        if found is None:
            return _unknown(wanted.id, self._account, "the account")
        if wanted.name not in (None, found.name):
            return f"site {found.id} is called {found.name!r}, not {wanted.name!r}"
        return found


def _named(called: str, among: Sequence[Site], where: str) -> Site | str:
    """By id, or by a name that only one has; or why not."""
    found = [site for site in among if site.id == called] or [site for site in among if site.name == called]
    if len(found) == 1:
        return found[0]
    if found:
        return f"{where} has several sites called {called!r}: select one by its id ({_ids(found)})"
    return _unknown(called, among, where)


def _unknown(called: str, among: Sequence[Site], where: str) -> str:
    names = [word for site in among for word in (site.id, site.name) if word]
    near = difflib.get_close_matches(called, names, 1)
    hint = (
        f"did you mean {near[0]!r}?" if near else "sites are created in the portal; `ferry sites` lists them"
    )
    return f"{where} has no site {called!r}: {hint}"


def _ids(sites: Sequence[Site]) -> str:
    return ", ".join(site.id for site in sites)
