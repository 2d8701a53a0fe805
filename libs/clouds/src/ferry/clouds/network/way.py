"""Network settings from the environment, the same for httpx2 and pyreqwest."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from ferry.clouds.network.authorities import read_authorities, tls_context
from ferry.clouds.network.proxies import Proxies, Proxy, read_proxies


@dataclass(frozen=True, slots=True)
class Network:
    """`authorities` are PEM files, trusted in addition to the public authorities."""

    proxies: Proxies = field(default_factory=lambda: Proxies({}))
    authorities: tuple[bytes, ...] = field(default=(), repr=False)

    def proxy_for(self, url: str) -> Proxy | None:
        return self.proxies.proxy_for(url)

    def tls_context(self) -> ssl.SSLContext:
        return tls_context(self.authorities)


def read_network(environ: Mapping[str, str]) -> Network:
    """Raises NetworkSettingError, a ValueError of one line that names the variable."""
    return Network(read_proxies(environ), read_authorities(environ))
