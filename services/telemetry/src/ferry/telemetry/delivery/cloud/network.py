"""Proxies and certificate authorities for pyreqwest, by the same rules as every other client."""

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.proxy import ProxyBuilder

from ferry.clouds.network.failures import texts_of, why_no_answer
from ferry.clouds.network.way import Network


def through(builder: ClientBuilder, network: Network, url: str) -> ClientBuilder:
    """Instead of pyreqwest's own reading of the environment, which has other rules."""
    builder = builder.no_proxy()
    if proxy := network.proxy_for(url):
        builder = builder.proxy(ProxyBuilder.all(proxy.url))
    for pem in network.authorities:
        builder = builder.add_root_certificate_pem(pem)
    return builder


def why(error: PyreqwestError, host: str = "", proxy: str = "") -> str:
    """In the words that httpx2's failures have."""
    return why_no_answer(texts_of(error), host=host, proxy=proxy)
