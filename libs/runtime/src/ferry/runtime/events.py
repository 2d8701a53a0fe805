"""Events: what happened, on a stream, so that other systems follow without polling."""

import structlog
from nats.js import JetStreamContext
from opentelemetry import propagate
from pydantic import BaseModel

from ferry.contract import subjects

_log = structlog.get_logger(__name__)


class Events:
    """Emits `events.<service>.<noun>.<past verb>`. An event that cannot be stored is logged, never fatal."""

    def __init__(self, jetstream: JetStreamContext, service: str) -> None:
        self._jetstream = jetstream
        self._service = service

    async def emit(self, noun: str, verb: str, message: BaseModel) -> None:
        subject = subjects.event(self._service, noun, verb)
        headers: dict[str, str] = {}
        propagate.inject(headers)
        body = message.model_dump_json(exclude_none=True).encode()
        try:
            await self._jetstream.publish(subject, body, timeout=5, headers=headers or None)
        except Exception as error:  # noqa: BLE001 - what happened has happened, told or not
            _log.warning("event.lost", subject=subject, error=type(error).__name__)
