"""Publishes events to a stream, so that other systems follow without polling."""

import structlog
from nats.js import JetStreamContext
from opentelemetry import propagate
from pydantic import BaseModel

from ferry.contract import subjects
from ferry.contract.operations import EVENTS

_log = structlog.get_logger(__name__)


class Events:
    """Emits `events.<service>.<noun>.<past verb>`. An event that cannot be stored is logged, never fatal."""

    def __init__(self, jetstream: JetStreamContext, service: str) -> None:
        self._jetstream = jetstream
        self._service = service

    async def emit(self, noun: str, verb: str, message: BaseModel) -> None:
        """Raises TypeError for what the contract does not have."""
        try:
            await self.store(noun, verb, message)
        except TypeError:
            raise
        except Exception as error:  # noqa: BLE001 - the change is done, with or without its event
            _log.warning("event.lost", noun=noun, verb=verb, error=type(error).__name__)

    async def store(self, noun: str, verb: str, message: BaseModel) -> None:
        """The same for who must know that it is stored: raises nats-py's errors.

        Raises TypeError for what the contract does not have: nobody could be listening for it.
        """
        subject = subjects.event(self._service, noun, verb)
        if not isinstance(message, EVENTS.get(subject, ())):
            raise TypeError(f"the contract has no event {subject} that is a {type(message).__name__}")
        headers: dict[str, str] = {}
        propagate.inject(headers)
        body = message.model_dump_json(exclude_none=True).encode()
        await self._jetstream.publish(subject, body, timeout=5, headers=headers or None)
