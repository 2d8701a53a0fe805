"""HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in lower or upper case: the proxy for a URL."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ferry.clouds.network.errors import NetworkSettingError
from ferry.clouds.network.no_proxy import Exemption, read_no_proxy

_SOCKS = frozenset({"socks5", "socks5h"})
_SCHEMES = frozenset({"http", "https"}) | _SOCKS
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url` may hold a password; `shown` is for operators."""

    url: str = field(repr=False)
    shown: str


@dataclass(frozen=True, slots=True)
class Proxies:
    by_scheme: Mapping[str, Proxy]
    exemptions: tuple[Exemption, ...] = ()

    def proxy_for(self, url: str) -> Proxy | None:
        """The proxy on the way to `url`; None is the direct way."""
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)
        if any(exemption.covers(host, port) for exemption in self.exemptions):
            return None
        return self.by_scheme.get(parts.scheme)


def read_proxies(environ: Mapping[str, str]) -> Proxies:
    """Lower case goes before upper case. Raises NetworkSettingError."""
    by_scheme: dict[str, Proxy] = {}
    for scheme in ("http", "https"):
        for name in (f"{scheme}_proxy", "all_proxy"):
            variable, text = _set(environ, name)
            if text:
                by_scheme[scheme] = _proxy(variable, text)
                break
    return Proxies(by_scheme, read_no_proxy(*_set(environ, "no_proxy")))


def _set(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    variable = name if name in environ else name.upper()
    return variable, environ.get(variable, "").strip()


def _proxy(variable: str, text: str) -> Proxy:
    url = text if "://" in text else f"http://{text}"
    wrong = NetworkSettingError(
        variable, "not the URL of a proxy, such as http://proxy.example:3128; correct or unset it"
    )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if (
        not host
        or not url.isprintable()
        or " " in url
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
    ):
        raise wrong
    if parts.scheme not in _SCHEMES:
        raise NetworkSettingError(
            variable, "a proxy's URL begins with http://, https://, socks5:// or socks5h://"
        )
    if parts.scheme in _SOCKS and importlib.util.find_spec("socksio") is None:
        hint = "install it (pip install socksio), or give an http:// proxy"
        raise NetworkSettingError(variable, f"a SOCKS proxy needs the package socksio: {hint}")
    return Proxy(url, f"{host}{f':{port}' if port else ''} ({variable})")
