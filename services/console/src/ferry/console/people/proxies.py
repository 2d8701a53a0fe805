"""The person named by a trusted proxy that has signed them in, for example by OIDC."""

import ipaddress
from collections.abc import Sequence

from ferry.console.people.person import LONGEST_NAME, Person
from ferry.console.settings import PageSettings, networks


class Proxies:
    def __init__(self, settings: PageSettings) -> None:
        self._networks = networks(settings.proxies)
        self._header = settings.user_header.lower().encode()

    def trusts(self, address: str | None) -> bool:
        """Whether who connected is one of the configured proxies."""
        try:
            peer = ipaddress.ip_address(address or "")
        except ValueError:
            return False
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self._networks if network.version == peer.version)

    def person(self, address: str | None, headers: Sequence[tuple[bytes, bytes]]) -> Person | None:
        """None from elsewhere, without the header, with two of them, or with a name that cannot be shown."""
        if not self.trusts(address):
            return None
        named = [value for name, value in headers if name.lower() == self._header]
        if len(named) != 1:
            return None
        try:
            name = named[0].decode().strip()
        except UnicodeDecodeError:
            return None
        return Person(name, "proxy") if 0 < len(name) <= LONGEST_NAME and name.isprintable() else None
