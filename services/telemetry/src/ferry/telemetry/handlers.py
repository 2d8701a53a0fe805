"""Requests to telemetry: decode, call, reply."""

from ferry.contract import subjects
from ferry.contract.telemetry import (
    DeadChoice,
    DeadDone,
    DeadFilter,
    DeadId,
    DeadLetter,
    DeadList,
    State,
    StateRequest,
)
from ferry.runtime.service import Service
from ferry.telemetry.dead_letters.store import DeadLetters
from ferry.telemetry.operators.state import StateReader


def serve(service: Service, state: StateReader, letters: DeadLetters) -> None:
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

    service.serve(subjects.TELEMETRY_STATE_GET, StateRequest, get_state)
    service.serve(subjects.TELEMETRY_DEAD_LIST, DeadFilter, list_dead)
    service.serve(subjects.TELEMETRY_DEAD_GET, DeadId, get_dead)
    service.serve(subjects.TELEMETRY_DEAD_REPLAY, DeadChoice, replay_dead)
    service.serve(subjects.TELEMETRY_DEAD_DISCARD, DeadChoice, discard_dead)
