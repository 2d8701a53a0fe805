"""What operators have paused: one document in the bucket `ferry-telemetry`, read by every replica."""

import asyncio
import json
import time

import structlog
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, NotFoundError
from pydantic import TypeAdapter, ValidationError

from ferry.contract import topology
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import LanesPaused, Pause, PauseLanes, Pauses, ResumeLanes
from ferry.runtime.events import Events
from ferry.telemetry.lanes.pauses import PausedLanes

STREAM = f"KV_{topology.TELEMETRY.name}"
SUBJECT = f"$KV.{topology.TELEMETRY.name}.paused"
LOOK_S = 1.0
TRIES = 5
MOST = 200
"""Pauses at once; where more are needed, whole gateways are paused."""
WRONG_LAST_SEQUENCE = 10071
_PAUSES = TypeAdapter(list[Pause])

_log = structlog.get_logger(__name__)


class PauseDocument:
    def __init__(self, jetstream: JetStreamContext, lanes: PausedLanes, events: Events) -> None:
        self._jetstream = jetstream
        self._lanes = lanes
        self._events = events
        self.items: list[Pause] = []

    async def watch(self) -> None:
        """Applies the document to this replica's lanes; the last one read stays valid while the bus is unreachable."""
        failed = False
        while True:
            try:
                await self._read()
                failed = False
            except Exception as error:  # noqa: BLE001 - the next look will tell
                if not failed:
                    _log.warning("pauses.unanswered", error=type(error).__name__)
                failed = True
            await asyncio.sleep(LOOK_S)

    async def _read(self) -> int:
        """The document's revision; 0 where there is none yet."""
        revision, items = 0, list[Pause]()
        try:
            message = await self._jetstream.get_last_msg(STREAM, SUBJECT, direct=True)
            revision, items = int(message.seq or 0), _PAUSES.validate_json(message.data or b"[]")
        except NotFoundError:
            pass
        except ValidationError as error:
            _log.error("pauses.unreadable", errors=error.error_count())
        self.items = items
        self._lanes.replace(items)
        return revision

    async def pause(self, asked: PauseLanes) -> Pauses:
        """Raises ProblemError."""
        at = time.time_ns() // 1_000_000
        pause = Pause(gateway=asked.gateway, sensor=asked.sensor, at=at, reason=asked.reason)
        return await self._change(asked, pause, "paused")

    async def resume(self, asked: ResumeLanes) -> Pauses:
        """Raises ProblemError."""
        return await self._change(asked, None, "resumed")

    async def _change(self, asked: ResumeLanes, pause: Pause | None, verb: str) -> Pauses:
        for _ in range(TRIES):
            revision = await self._read()
            others = [one for one in self.items if (one.gateway, one.sensor) != (asked.gateway, asked.sensor)]
            if pause is None and len(others) == len(self.items):
                raise ProblemError.of(
                    "not-paused", 404, "that is not paused", hint="ferry status shows what is"
                )
            changed = [*others, pause] if pause else others
            if len(changed) > MOST:
                raise ProblemError.of(
                    "too-many", 409, f"{MOST} pauses are the most", hint="pause whole gateways"
                )
            if await self._write(changed, revision):
                reason = pause.reason if pause else ""
                told = LanesPaused(gateway=asked.gateway, sensor=asked.sensor, reason=reason)
                await self._events.emit("lanes", verb, told)
                _log.info(f"lanes.{verb}", gateway=asked.gateway, sensor=asked.sensor)
                return Pauses(items=changed)
        raise ProblemError.of("busy", 503, "the pauses are being changed by others", hint="ask again")

    async def _write(self, items: list[Pause], revision: int) -> bool:
        """False where another replica was quicker."""
        body = json.dumps([one.model_dump(mode="json", by_alias=True) for one in items]).encode()
        try:
            await self._jetstream.publish(
                SUBJECT, body, headers={Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(revision)}, timeout=5
            )
        except APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                return False
            raise
        self.items = items
        self._lanes.replace(items)
        return True
