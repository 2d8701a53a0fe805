"""Describes a failed connection in words that contain no secrets, unlike those of httpx2, OpenSSL and pyreqwest."""

import re
from collections.abc import Iterable, Iterator

_WORDS = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"self.signed|CaUsedAsEndEntity", "the certificate is self-signed"),
        (
            r"hostname mismatch|IP address mismatch|NotValidForName",
            "the certificate is for another host name",
        ),
        (r"certificate has expired|invalid peer certificate: expired", "the certificate has expired"),
        (r"not yet valid|NotValidYet", "the certificate is not valid yet: is the clock right?"),
        (r"revoked", "the certificate was revoked"),
        (r"unable to get (local )?issuer|UnknownIssuer", "the certificate's authority is not trusted"),
        (
            r"key identifier|key usage|basic constraints",
            "the certificate lacks what RFC 5280 requires, key identifiers or key usage: issue it again",
        ),
        (r"certificate verify failed|invalid peer certificate", "the certificate is not valid"),
        (
            r"wrong version number|record layer|InvalidContentType|corrupt message",
            "this port does not use TLS",
        ),
        (r"\bssl\b|\btls\b|handshake", "the TLS handshake failed"),
        (
            r"name or service not known|nodename nor servname|no address associated|name resolution|dns error",
            "the name does not resolve",
        ),
        (r"proxy authentication required|\b407\b", "the proxy requires a user and password"),
        (r"connection refused|connect call failed", "connection refused"),
        (r"network is unreachable", "the network is unreachable"),
        (r"no route to host|host is unreachable", "no route to the host"),
        (r"connection reset|broken pipe|server disconnected|incomplete|closed", "the connection was cut"),
        (r"timeout|timed out", "no connection in time"),
    )
)


def why_no_answer(texts: Iterable[str], *, host: str = "", proxy: str = "") -> str:
    """One of a fixed set of sentences; `texts` are an error's kinds and messages, from the outermost on."""
    said = "\n".join(texts)
    words = next((words for pattern, words in _WORDS if pattern.search(said)), "the request failed")
    if words == "the name does not resolve" and host and not proxy:
        words = f"the name {host} does not resolve"
    return f"{words}, through the proxy {proxy}" if proxy else words


def texts_of(error: BaseException) -> Iterator[str]:
    """Kinds and messages of an error and its causes."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield f"{type(at).__name__}: {at}"
        at = at.__cause__ or at.__context__
