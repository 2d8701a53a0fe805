"""HTTP requests to a cloud: a whole answer or a typed error, bounded in time and memory, without redirects."""

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
from pydantic import SecretStr

from ferry.clouds.answer import Answer, accepted
from ferry.clouds.errors import BadAnswerError, CloudError, UnreachableError
from ferry.clouds.network.failures import texts_of, why_no_answer
from ferry.clouds.network.proxies import Proxy
from ferry.clouds.network.way import Network, read_network
from ferry.clouds.words import parse_json

LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes; 4000 gateways, the longest list of Thing+, take less than half."""

Measure = Callable[[str, str, int | str, float], None]
"""Told of each call: its method, the cloud's host, the status or what kept an answer away, and s."""
Params = Mapping[str, str | int | Sequence[str]]

# What fails before the request can have been read by anybody.
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


class CloudHttp:
    """One cloud at `base_url`, such as `https://api.sandbox.thingplus.net/v2`; a context manager.

    Whatever a call sends as a secret is blotted out of the words that the cloud answers with.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 10.0,
        largest: int = LARGEST_ANSWER,
        network: Network | None = None,
        measure: Measure | None = None,
    ) -> None:
        """`network` is read from the environment unless given. Raises NetworkSettingError."""
        network = network or read_network(os.environ)
        proxy = network.proxy_for(base_url)
        self._base = base_url.rstrip("/")
        self._host = urlsplit(base_url).hostname or ""
        self._proxy = proxy.shown if proxy else ""
        self._timeout_s = timeout_s
        self._largest = largest
        self._measure = measure or (lambda *_: None)
        tls = network.tls_context()
        self._client = httpx2.AsyncClient(
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,  # its reading of NO_PROXY fails on networks; ours is the hot path's as well
            proxy=_through(proxy, tls) if proxy else None,
            verify=tls,
            # No request waits for another one's connection: how many there are is the caller's to bound.
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
            # No compression: a few kilobytes could unpack to gigabytes.
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            # A session's cookie travels where it is put, never by itself.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def send(
        self,
        method: str,
        path: str,
        *,
        bearer: SecretStr | None = None,
        headers: Mapping[str, str] | None = None,
        params: Params | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> Answer:
        """A 2xx answer of at most 4 MiB, all of it within `timeout_s`. Raises CloudError's family.

        `path` starts with a slash and its ids are quoted by the caller.
        """
        answer = await self.exchange(
            method, path, bearer=bearer, headers=headers, params=params, json=json, form=form
        )
        return accepted(answer, bearer=bearer, secrets=secrets)

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        bearer: SecretStr | None = None,
        headers: Mapping[str, str] | None = None,
        params: Params | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """An answer of any status, for who judges it by itself. Raises UnreachableError and BadAnswerError."""
        begun = time.monotonic()
        outcome: int | str = "cancelled"
        try:
            answer = await self._exchange(
                method, path, bearer=bearer, headers=headers, params=params, json=json, form=form
            )
            outcome = answer.status
        except CloudError as error:
            outcome = error.status or type(error).__name__
            raise
        finally:
            self._measure(method, self._host, outcome, time.monotonic() - begun)
        return answer

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        bearer: SecretStr | None,
        headers: Mapping[str, str] | None,
        params: Params | None,
        json: Any,
        form: Mapping[str, str] | None,
    ) -> Answer:
        sent = {**(headers or {})}
        if bearer:
            sent["Authorization"] = f"Bearer {bearer.get_secret_value()}"
        try:
            request = self._client.build_request(
                method,
                self._base + path,
                headers=sent,
                params=params,
                json=json,
                data=form,
            )
            async with asyncio.timeout(self._timeout_s):
                status, received, text = await self._receive(request)
        except TimeoutError:
            raise UnreachableError(f"not within {self._timeout_s:g} s", ambiguous=True) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, ValueError) as error:
            # Their text may contain what was sent: only a recognised cause is reported.
            ambiguous = isinstance(error, httpx2.HTTPError) and not isinstance(error, _NOT_SENT)
            why = why_no_answer(texts_of(error), host=self._host, proxy=self._proxy)
            raise UnreachableError(why, ambiguous=ambiguous) from None
        return Answer(status, received, text, parse_json(text.encode(errors="replace"))[1])

    async def _receive(self, request: httpx2.Request) -> tuple[int, dict[str, str], str]:
        response = await self._client.send(request, stream=True)
        try:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise BadAnswerError(response.status_code, "a compressed body, which was not requested")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._largest:
                    raise BadAnswerError(response.status_code, f"more than {self._largest} bytes")
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return response.status_code, headers, body.decode(errors="replace")


def _through(proxy: Proxy, tls: ssl.SSLContext) -> httpx2.Proxy:
    return httpx2.Proxy(proxy.url, ssl_context=tls if proxy.url.startswith("https:") else None)
