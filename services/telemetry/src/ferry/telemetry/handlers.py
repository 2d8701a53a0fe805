"""Requests to telemetry: decode, call, reply."""

from ferry.contract import subjects
from ferry.contract.telemetry import (
    DeadChoice,
    DeadCount,
    DeadDone,
    DeadFilter,
    DeadId,
    DeadLetter,
    DeadList,
    PauseLanes,
    Pauses,
    ResumeLanes,
    SensorAtCloud,
    SensorQuery,
    State,
    StateRequest,
)
from ferry.runtime.service import Service
from ferry.telemetry.dead_letters.count import DeadLetterCounts
from ferry.telemetry.dead_letters.store import DeadLetters
from ferry.telemetry.delivery.at_the_cloud import SensorReader
from ferry.telemetry.operators.pauses import PauseDocument
from ferry.telemetry.operators.state import StateReader


def serve(
    service: Service,
    state: StateReader,
    letters: DeadLetters,
    counts: DeadLetterCounts,
    pauses: PauseDocument,
    sensors: SensorReader,
) -> None:
    async def get_state(_: StateRequest) -> State:
        return await state.read()

    async def list_dead(request: DeadFilter) -> DeadList:
        return await letters.list(request)

    async def get_dead(request: DeadId) -> DeadLetter:
        return await letters.get(request.id)

    async def replay_dead(request: DeadChoice) -> DeadDone:
        return await letters.replay(request)

    async def discard_dead(request: DeadChoice) -> DeadDone:
        return await letters.discard(request)

    async def count_dead(request: DeadFilter) -> DeadCount:
        return await counts.count(request)

    async def pause_lanes(request: PauseLanes) -> Pauses:
        return await pauses.pause(request)

    async def resume_lanes(request: ResumeLanes) -> Pauses:
        return await pauses.resume(request)

    async def get_sensor(request: SensorQuery) -> SensorAtCloud:
        return await sensors.read(request)

    service.serve(subjects.TELEMETRY_SENSORS_GET, SensorQuery, get_sensor)
    service.serve(subjects.TELEMETRY_LANES_PAUSE, PauseLanes, pause_lanes)
    service.serve(subjects.TELEMETRY_LANES_RESUME, ResumeLanes, resume_lanes)
    service.serve(subjects.TELEMETRY_DEAD_COUNT, DeadFilter, count_dead)
    service.serve(subjects.TELEMETRY_STATE_GET, StateRequest, get_state)
    service.serve(subjects.TELEMETRY_DEAD_LIST, DeadFilter, list_dead)
    service.serve(subjects.TELEMETRY_DEAD_GET, DeadId, get_dead)
    service.serve(subjects.TELEMETRY_DEAD_REPLAY, DeadChoice, replay_dead)
    service.serve(subjects.TELEMETRY_DEAD_DISCARD, DeadChoice, discard_dead)
