"""The account's sites and gateway models, cached for some minutes."""

import time
from typing import Protocol

from ferry.clouds.errors import CloudError, RefusedError
from ferry.contract.problems import ProblemError
from ferry.contract.registry import GatewayModel, Site
from ferry.registry.problems import of_cloud

KEPT_S = 300.0
MOST_MODELS = 100
"""Callers name models; what they make up must not fill the memory."""
NOT_FOUND = 404


class Cloud(Protocol):
    async def sites(self) -> list[Site]: ...
    async def gateway_model(self, model: str) -> GatewayModel: ...


class Account:
    """Every method raises ProblemError."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._models: dict[str, tuple[float, GatewayModel]] = {}
        self._sites: tuple[float, list[Site]] = (0.0, [])

    async def model(self, model: str) -> GatewayModel:
        until, known = self._models.get(model, (0.0, None))
        if known is not None and until > time.monotonic():
            return known
        try:
            found = await self._cloud.gateway_model(model)
        except CloudError as error:
            if isinstance(error, RefusedError) and error.status == NOT_FOUND:
                raise _no_model(model) from None
            raise of_cloud("gateway model", error) from None
        except ValueError:  # no safe path segment
            raise _no_model(model) from None
        if len(self._models) >= MOST_MODELS:
            self._models.clear()
        self._models[model] = (time.monotonic() + KEPT_S, found)
        return found

    async def sites(self) -> list[Site]:
        until, known = self._sites
        if until > time.monotonic():
            return known
        try:
            found = await self._cloud.sites()
        except CloudError as error:
            raise of_cloud("site", error) from None
        self._sites = (time.monotonic() + KEPT_S, found)
        return found

    async def only_site(self) -> str:
        sites = await self.sites()
        if len(sites) == 1:
            return sites[0].id
        raise ProblemError.of(
            "which-site",
            422,
            "the account has several sites: select one" if sites else "the account has no site",
            field="siteId",
            allowed=[site.id for site in sites],
        )


def _no_model(model: str) -> ProblemError:
    return ProblemError.of("unknown-model", 422, f"Thing+ has no gateway model {model!r}", field="model")
