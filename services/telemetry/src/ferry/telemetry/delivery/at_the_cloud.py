"""Reads what the cloud has of one sensor, for an operator: status, last reading, and a span of time."""

import asyncio
import json
from collections.abc import Callable

from ferry.clouds.thingplus.answers import Kind, read_reply
from ferry.clouds.thingplus.paths import series_path, status_path
from ferry.clouds.thingplus.series import Point, Series, read_latest, read_series, series_query
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import CloudPoint, CloudStatus, SensorAtCloud, SensorQuery
from ferry.telemetry.delivery.ports import Answer, Cloud, NoToken, Tokens, Unreachable

AT_ONCE = 2
"""Maximum number of sensors read concurrently, so that viewers do not slow down readings."""
MOST_POINTS = 5000
LONGEST_VALUE = 100
"""Characters of a value that are shown. An answer of so many points stays below the bus's max_payload."""
MOST_BYTES = 512 * 1024
NOT_FOUND = 404

Read = Callable[[bytes, int], Series | None]


class SensorReader:
    def __init__(self, cloud: Cloud, tokens: Tokens) -> None:
        self._cloud = cloud
        self._tokens = tokens
        self._places = asyncio.Semaphore(AT_ONCE)

    async def read(self, asked: SensorQuery) -> SensorAtCloud:
        """Raises ProblemError: 404 where the cloud does not have the sensor, 502 where it cannot be asked."""
        path = series_path(asked.gateway, asked.sensor)
        async with self._places:
            found = _understood(await self._get(path, series_query(asked.since, asked.until)), read_series)
            latest = found.latest
            if latest is None:
                latest = _understood(await self._get(path, {}), read_latest).latest
            status = _status(await self._get(status_path(asked.gateway, asked.sensor), {}))
        points = [
            _shown(point) for point in sorted(found.points.items()) if asked.since <= point[0] <= asked.until
        ]
        newest = _newest(points)
        return SensorAtCloud(
            points=newest,
            cut=len(newest) < len(points),
            latest=_shown(latest) if latest else None,
            status=status,
        )

    async def _get(self, path: str, query: dict[str, str]) -> Answer:
        """An answer that delivers, or a 404. Raises ProblemError."""
        try:
            bearer = await self._tokens.bearer()
            answer = await self._cloud.get(path, query, bearer.header)
            if read_reply(answer.status, answer.body, answer.content_type).kind is Kind.BEARER:
                await self._tokens.reject(bearer.generation)
                answer = await self._cloud.get(path, query, (await self._tokens.bearer()).header)
        except NoToken as error:
            raise _unread(f"no token: {error}") from None
        except Unreachable as error:
            raise _unread(f"it does not answer: {error}") from None
        reply = read_reply(answer.status, answer.body, answer.content_type)
        if reply.kind is Kind.DELIVERED or (reply.kind is Kind.ENTITY and reply.status == NOT_FOUND):
            return answer
        raise _unread(reply.words)


def _understood(answer: Answer, read: Read) -> Series:
    if answer.status == NOT_FOUND:
        raise ProblemError.of("unknown-sensor", NOT_FOUND, "the cloud does not have this sensor")
    found = read(answer.body, answer.status)
    if found is None:
        raise _unread("its answer has no known form")
    return found


def _status(answer: Answer) -> CloudStatus | None:
    """None where the sensor never had one, or where it cannot be read."""
    try:
        data = json.loads(answer.body)["data"]
        leaf = data.get("status", data)
        return CloudStatus(value=str(leaf["value"])[:LONGEST_VALUE], expires_at=int(leaf.get("expireAt", -1)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _shown(point: Point) -> CloudPoint:
    value = point[1] if isinstance(point[1], str) else json.dumps(point[1])
    return CloudPoint(time=point[0], value=value.encode(errors="replace").decode()[:LONGEST_VALUE])


def _newest(points: list[CloudPoint]) -> list[CloudPoint]:
    """As many as one answer carries, in order."""
    kept, size = points[-MOST_POINTS:], 0
    for at, point in enumerate(reversed(kept)):
        size += len(json.dumps(point.value)) + 40
        if size > MOST_BYTES:
            return kept[len(kept) - at :]
    return kept


def _unread(words: str) -> ProblemError:
    hint = "`ferry status` shows the state of the cloud"
    return ProblemError.of(
        "cloud-unread", 502, "the cloud cannot be asked now", detail=words[:300], hint=hint
    )
