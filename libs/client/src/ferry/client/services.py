"""The running services, discovered as NATS services (ADR-32)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

NAMES = ("auth", "registry", "telemetry", "otosense")
"""The services that Ferry needs; others, such as the console, are optional."""
PREFIX = "ferry-"
STATS = "$SRV.STATS"
Word = Annotated[str, Field(max_length=200)]
Count = Annotated[int, Field(ge=0)]


class Everybody(Protocol):
    async def everybody(self, subject: str, *, within_s: float) -> list[bytes]: ...


class _Endpoint(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Word
    num_requests: Count = 0
    num_errors: Count = 0
    last_error: Annotated[str, Field(max_length=2000)] | None = None


class Instance(BaseModel):
    """One process of a service, and what it has answered since it started."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Word
    id: Word
    version: Word
    started: datetime | None = None
    endpoints: Annotated[tuple[_Endpoint, ...], Field(max_length=200)] = ()

    @property
    def service(self) -> str:
        return self.name.removeprefix(PREFIX)

    @property
    def requests(self) -> int:
        return sum(one.num_requests for one in self.endpoints)

    @property
    def errors(self) -> int:
        return sum(one.num_errors for one in self.endpoints)

    @property
    def last_error(self) -> str | None:
        return next((one.last_error for one in self.endpoints if one.last_error), None)


async def running(bus: Everybody, within_s: float) -> list[Instance]:
    """Ferry's services that answered, sorted. Raises ProblemError when they cannot be asked."""
    return sorted(_read(await bus.everybody(STATS, within_s=within_s)), key=lambda one: (one.name, one.id))


def _read(answers: Iterable[bytes]) -> list[Instance]:
    """Anybody may answer: what is no service of Ferry's is left out, and so is a process that answers twice."""
    found: dict[tuple[str, str], Instance] = {}
    for answer in answers:
        try:
            one = Instance.model_validate_json(answer)
        except ValidationError:
            continue
        if one.name.startswith(PREFIX):
            found.setdefault((one.name, one.id), one)
    return list(found.values())
