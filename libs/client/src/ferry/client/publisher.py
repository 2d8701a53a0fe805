"""Publishing, for Python programs: what `publish` returns from is on the stream."""

from collections.abc import Sequence

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from pydantic import RootModel

from ferry.client.bus import Bus
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.readings import Reading, Status

_Array = RootModel[list[Reading]]


class Publisher:
    """Each method returns the sequence that the stream gave; a returned number is an acknowledged reading.

    Raises ValueError for an unsafe id, ProblemError when the stream did not take it (a time-out is
    ambiguous: it may have been taken; publish again, the cloud keeps one per time).
    """

    def __init__(self, bus: Bus, *, timeout_s: float = 5.0) -> None:
        self._jetstream: JetStreamContext = bus.client.jetstream(timeout=timeout_s)

    async def series(self, gateway: str, sensor: str, readings: Sequence[Reading]) -> int:
        body = _Array(list(readings)).model_dump_json(exclude_none=True)
        return await self.raw(subjects.sensor_series(gateway, sensor), body.encode())

    async def sensor_status(self, gateway: str, sensor: str, status: Status) -> int:
        body = status.model_dump_json(exclude_none=True)
        return await self.raw(subjects.sensor_status(gateway, sensor), body.encode())

    async def gateway_status(self, gateway: str, status: Status) -> int:
        body = status.model_dump_json(exclude_none=True)
        return await self.raw(subjects.gateway_status(gateway), body.encode())

    async def raw(self, subject: str, body: bytes) -> int:
        try:
            return (await self._jetstream.publish(subject, body)).seq
        except nats.js.errors.NoStreamResponseError:
            raise ProblemError.of(
                "no-stream",
                503,
                "no stream takes this subject",
                hint="run `python -m ferry.runtime.topology`, or is JetStream off?",
            ) from None
        except nats.js.errors.APIError as error:
            raise ProblemError.of(
                "not-stored", 503, "the stream did not take it", detail=error.description or str(error)
            ) from None
        except (TimeoutError, nats.errors.Error) as error:
            raise ProblemError.of(
                "no-ack",
                504,
                "no acknowledgement from the stream",
                detail=type(error).__name__,
                hint="it may have been stored all the same: publish it again",
            ) from None
