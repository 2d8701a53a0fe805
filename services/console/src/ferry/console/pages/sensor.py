"""One sensor: what the cloud has of it, what is wrong with it, and the last hour as a plot."""

import asyncio
import math
import time
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from ferry.console.bus import Bus
from ferry.console.live.passing import Heard, Passing
from ferry.console.live.plot import Plot, line
from ferry.console.live.watch import Watch
from ferry.console.pages.pauses import pause_of
from ferry.console.pages.rendering import page
from ferry.contract import subjects
from ferry.contract.problems import Problem, ProblemError
from ferry.contract.registry import OwnedId, Sensor
from ferry.contract.telemetry import (
    CloudPoint,
    DeadFilter,
    DeadList,
    LaneTrouble,
    SensorAtCloud,
    SensorQuery,
    State,
)

LETTERS, VALUES = 20, 10
HOUR_MS = 3_600_000
CLOUD_S = 12.0

Found = TypeVar("Found", bound=BaseModel)


class SensorPage:
    def __init__(self, bus: Bus, watch: Watch, passing: Passing) -> None:
        self._bus = bus
        self._passing = passing
        self._watch = watch

    async def show(self, request: Request) -> Response:
        owner, id_ = request.path_params["gateway"], request.path_params["sensor"]
        asked = OwnedId.model_validate({"owner": owner, "id": id_})
        now_ms = int(time.time() * 1000)
        hour = SensorQuery(gateway=asked.owner, sensor=asked.id, since=now_ms - HOUR_MS, until=now_ms)
        wanted = DeadFilter(gateway=asked.owner, sensor=asked.id, limit=LETTERS)
        sensor, (letters, problem), (cloud, cloud_problem), seen, heard = await asyncio.gather(
            self._bus.ask(subjects.REGISTRY_SENSORS_GET, asked, Sensor),
            self._if_any(subjects.TELEMETRY_DEAD_LIST, wanted, DeadList),
            self._if_any(subjects.TELEMETRY_SENSORS_GET, hour, SensorAtCloud),
            self._watch.now(),
            self._heard(asked.owner),
        )
        shown: dict[str, Any] = {"sensor": sensor, "letters": letters, "problem": problem, "now_ms": now_ms}
        shown |= {"cloud": cloud, "cloud_problem": cloud_problem, "hour": hour}
        shown |= {"pause": pause_of(seen.state, owner, id_), "lane": trouble_of(seen.state, owner, id_)}
        shown["heard"] = heard
        shown["plot"] = _plot(cloud.points, hour) if cloud else None
        shown["values"] = list(reversed(cloud.points[-VALUES:])) if cloud else []
        return page(request, "sensor.html", **shown)

    async def _heard(self, gateway: str) -> Heard | None:
        try:
            return await self._passing.of(gateway)
        except ProblemError:
            return None

    async def _if_any(
        self, subject: str, asked: BaseModel, answer: type[Found]
    ) -> tuple[Found | None, Problem | None]:
        """The page is of use without it."""
        try:
            return await self._bus.ask(subject, asked, answer, timeout_s=CLOUD_S), None
        except ProblemError as error:
            return None, error.problem


def trouble_of(state: State | None, gateway: str, sensor: str) -> LaneTrouble | None:
    """Why the sensor's readings are not delivered now, as far as telemetry names it."""
    for replica in state.replicas if state else ():
        for trouble in replica.troubles:
            if (trouble.gateway, trouble.sensor) == (gateway, sensor):
                return trouble
    return None


def _plot(points: list[CloudPoint], hour: SensorQuery) -> Plot | None:
    """Of the values that are numbers."""
    values = [(float(point.time), number) for point in points if (number := _number(point.value)) is not None]
    return line(values, from_zero=False, span=(float(hour.since), float(hour.until)))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) < 1e300 else None  # noqa: PLR2004 - a plot of it has edges
