"""The marker that says: this bucket holds the whole fleet. Without it, a missing sensor proves nothing.

A bucket that is empty may be new, or may be a replacement for one that was lost. The cloud tells which: the bucket is
filled when it has every gateway that the cloud lists. Otherwise a complete import fills it.
"""

import asyncio
import time
from typing import Protocol

import structlog

from ferry.clouds.errors import CloudError
from ferry.clouds.thingplus.listed import Listed
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Gateway
from ferry.registry.problems import of_cloud

PAGE = 1000
AGAIN_S = 1.0
LOOK_S = 10.0
"""The marker belongs to the bucket, which may be recreated while the registry runs."""
_log = structlog.get_logger(__name__)


class Cloud(Protocol):
    async def gateways(self, page: int, count: int) -> Listed[Gateway]: ...


class Marker(Protocol):
    async def is_set(self) -> bool: ...
    async def set(self, at_ms: int) -> None: ...


class Lists(Protocol):
    async def gateway_ids(self) -> set[str]: ...


class Filled:
    def __init__(
        self,
        cloud: Cloud,
        marker: Marker,
        lists: Lists,
        *,
        page: int = PAGE,
        look_s: float = LOOK_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._cloud = cloud
        self._marker = marker
        self._lists = lists
        self._page = page
        self._look_s = look_s
        self._again_s = again_s
        self._warned = False
        self._one_looks = asyncio.Lock()

    async def imported(self, listed: set[str]) -> None:
        """After a complete import of the gateways that the cloud lists; one whose parts were refused is not here."""
        if not await self._marker.is_set():
            await self._compare(listed)

    async def require(self) -> None:
        """Raises ProblemError while the cloud has gateways that this bucket lacks: one asked for may be among them."""
        async with self._one_looks:
            try:
                for wait_s in (
                    0.0,
                    self._again_s,
                ):  # a gateway that is being registered is at the cloud first
                    await asyncio.sleep(wait_s)
                    if not await self._marker.is_set():
                        await self._look()
                    if await self._marker.is_set():
                        return
            except CloudError as error:
                raise of_cloud("list", error) from None
        raise ProblemError.of(
            "not-imported",
            409,
            "the cloud has gateways that are not registered here: a new one might be there already",
            hint="run `ferry import` first, or give the id",
        )

    async def watch(self) -> None:
        """Sets the marker whenever it is missing and the cloud has nothing that the bucket lacks."""
        while True:
            try:
                if not await self._marker.is_set():
                    await self._look()
            except (CloudError, ProblemError) as error:
                _log.info("registry.filled_unknown", error=str(error))
            except Exception as error:  # noqa: BLE001 - the bus is unreachable, or the bucket does not exist yet
                _log.info("registry.filled_unknown", error=type(error).__name__)
            await asyncio.sleep(self._look_s)

    async def _look(self) -> None:
        # The cloud first: what is registered meanwhile is in the bucket then.
        listed: set[str] = set()
        page, more = 0, True
        while more:
            found = await self._cloud.gateways(page, self._page)
            new = {gateway.id for gateway in found.items} - listed
            listed |= new
            page, more = page + 1, found.more and bool(new)
        await self._compare(listed)

    async def _compare(self, listed: set[str]) -> None:
        missing = listed - await self._lists.gateway_ids()
        if not missing:
            await self._set()
        elif not self._warned:
            self._warned = True
            _log.warning(
                "registry.not_filled",
                missing=len(missing),
                hint="the cloud has gateways that this bucket lacks: run `ferry import`",
            )

    async def _set(self) -> None:
        await self._marker.set(int(time.time() * 1000))
        self._warned = False
        _log.info("registry.filled")
