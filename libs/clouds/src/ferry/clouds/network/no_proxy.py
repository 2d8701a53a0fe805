"""NO_PROXY: hosts, suffixes, addresses and networks that are reached without a proxy."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from ferry.clouds.network.errors import NetworkSettingError
from ferry.clouds.words import clean

_ENTRY = re.compile(
    r"(?:\[(?P<bracketed>[0-9A-Fa-f:.%\w]+)\](?P<length>/\d{1,3})?|(?P<plain>[^\[\]]+?))(?::(?P<port>\d{1,5}))?"
)
_NAME = re.compile(r"(?:\*?\.)?[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Exemption:
    """A name with all below it, a network, or, with neither, everything; on one port, or on all."""

    name: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int) -> bool:
        """`host` in lower case, without brackets. A network covers addresses alone: names are not looked up."""
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            try:
                return ip_address(host) in self.network
            except ValueError:
                return False
        return not self.name or host == self.name or host.endswith(f".{self.name}")


def read_no_proxy(variable: str, text: str) -> tuple[Exemption, ...]:
    """Entries are separated by commas or blanks. Raises NetworkSettingError for one that means nothing."""
    return tuple(_exemption(variable, entry) for entry in re.split(r"[\s,]+", text) if entry)


def _exemption(variable: str, entry: str) -> Exemption:
    wrong = NetworkSettingError(
        variable,
        f"{clean(repr(entry), 80)} is not a host, .suffix, address or network; correct or remove it",
    )
    if entry == "*":
        return Exemption()
    network = _network(entry)
    if network is not None:
        return Exemption(network=network)
    found = _ENTRY.fullmatch(entry)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        raise wrong
    port = int(found["port"]) if found["port"] else None
    if found["bracketed"]:
        network = _network(found["bracketed"] + (found["length"] or ""))
        if network is None:
            raise wrong
        return Exemption(network=network, port=port)
    network = _network(found["plain"])
    if network is not None:
        return Exemption(network=network, port=port)
    if not _NAME.fullmatch(found["plain"]) or _looks_like_an_address(found["plain"]):
        raise wrong
    return Exemption(name=found["plain"].lower().removeprefix("*").strip("."), port=port)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _looks_like_an_address(text: str) -> bool:
    return re.fullmatch(r"[0-9.]+", text) is not None
