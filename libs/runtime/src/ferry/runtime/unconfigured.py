"""A service whose cloud is not configured: it runs, answers every request with `unconfigured`, and does nothing else.

Either cloud alone is a complete configuration, so what belongs to the other one is off and ends nothing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from ferry.contract.operations import OPERATIONS
from ferry.contract.problems import ProblemError
from ferry.contract.subjects import PREFIX
from ferry.runtime.service import Lifespan, Service
from ferry.runtime.settings import RuntimeSettings

CloudName = Literal["thingplus", "otosense"]
TITLES: dict[CloudName, str] = {"thingplus": "Thing+", "otosense": "OtoSense"}

_log = structlog.get_logger(__name__)


class _Cloud(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: str = ""


class _Clouds(RuntimeSettings):
    thingplus: _Cloud = _Cloud()
    otosense: _Cloud = _Cloud()


def is_configured(cloud: CloudName) -> bool:
    """Whether the settings have its URL; also true for unreadable settings, which fail when parsed."""
    try:
        clouds = _Clouds()
    except ValidationError:
        return True
    return bool(getattr(clouds, cloud).url.strip())


def without(cloud: CloudName) -> Lifespan:
    """Answers every request of the service with the problem `unconfigured`."""

    @asynccontextmanager
    async def lifespan(service: Service) -> AsyncIterator[None]:
        _log.warning("cloud.unconfigured", cloud=cloud, hint=_hint(cloud))
        for subject, operation in OPERATIONS.items():
            if subject.startswith(f"{PREFIX}.{service.name}."):
                service.serve(subject, operation.request, _refuse(cloud))
        yield

    return lifespan


def _refuse(cloud: CloudName) -> Callable[[BaseModel], Awaitable[BaseModel]]:
    async def refuse(_: BaseModel) -> BaseModel:
        title = f"no {TITLES[cloud]} cloud is configured here"
        raise ProblemError.of("unconfigured", 503, title, hint=_hint(cloud))

    return refuse


def _hint(cloud: CloudName) -> str:
    prefix = f"FERRY_{cloud.upper()}__"
    return f"set {prefix}URL for this service, {prefix}URL and the credentials for auth, and restart it"
