"""The work queue FERRY_OTOSENSE_FOLLOW: one message per followed sensor, nakked until its next check is due."""

import asyncio
from collections.abc import Awaitable, Callable

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from ferry.contract import subjects, topology
from ferry.contract.ids import safe_id
from ferry.otosense.bus.bucket import WRONG_LAST_SEQUENCE
from ferry.otosense.sensors.ports import Delivery

_log = structlog.get_logger(__name__)

FETCH_S = 2.0
FAILED_S = 5.0
CONSUMER = topology.OTOSENSE_FOLLOWER

Handle = Callable[[Delivery], Awaitable[None]]


class QueuedSensor:
    """Implements Delivery."""

    def __init__(self, message: Msg) -> None:
        self._message = message

    @property
    def sensor_id(self) -> str:
        return self._message.subject.rpartition(".")[2]

    async def done(self) -> None:
        await self._message.ack_sync()

    async def again_in(self, wait_s: float) -> None:
        await self._message.nak(delay=wait_s)


class FollowQueue:
    """Implements Queue, and works it off; `stop` lets what is being looked at end."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream
        self._stopping = asyncio.Event()

    async def follow(self, sensor_id: str) -> None:
        """Does nothing if there is already a message for this sensor."""
        subject = f"{subjects.OTOSENSE_FOLLOW}.{safe_id(sensor_id)}"
        headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
        try:
            await self._jetstream.publish(subject, b"", timeout=5, headers=headers)
        except APIError as error:
            if error.err_code not in WRONG_LAST_SEQUENCE:
                raise

    async def work(self, handle: Handle, concurrency: int) -> None:
        await asyncio.gather(*(self._worker(handle) for _ in range(concurrency)))

    def stop(self) -> None:
        self._stopping.set()

    async def _worker(self, handle: Handle) -> None:
        pulling = await self._jetstream.pull_subscribe_bind(CONSUMER.name, stream=CONSUMER.stream)
        try:
            await self._pull(pulling, handle)
        finally:
            await pulling.unsubscribe()  # what it never took would hold up the connection's drain

    async def _pull(self, pulling: JetStreamContext.PullSubscription, handle: Handle) -> None:
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(FETCH_S + 1):  # fetch can stall: a deadline of our own
                    messages = await pulling.fetch(1, timeout=FETCH_S)
            except (TimeoutError, nats.errors.TimeoutError):
                continue
            except (nats.errors.Error, NotFoundError) as error:
                _log.warning("follow.fetch_failed", error=type(error).__name__)
                await asyncio.sleep(1)
                continue
            for message in messages:
                await self._handle(handle, QueuedSensor(message))

    async def _handle(self, handle: Handle, delivery: QueuedSensor) -> None:
        """One failing sensor does not block others and is not lost: its message is redelivered."""
        try:
            async with asyncio.timeout(CONSUMER.ack_wait_s - 2):
                await handle(delivery)
        except Exception as error:  # noqa: BLE001 - the others must continue
            _log.warning("follow.failed", sensor=ascii(delivery.sensor_id), error=type(error).__name__)
            try:
                await delivery.again_in(FAILED_S)
            except (nats.errors.Error, TimeoutError) as lost:  # it was done already, or comes after ack_wait
                _log.debug("follow.not_given_back", error=type(lost).__name__)
