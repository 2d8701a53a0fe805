"""The wait as a message: FERRY_OTOSENSE_FOLLOW holds one for each followed sensor, naked until it is due."""

import asyncio
import json

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError
from pydantic import BaseModel

from ferry.contract import subjects, topology
from ferry.contract.ids import safe_id
from ferry.otosense.bucket import WRONG_LAST_SEQUENCE
from ferry.otosense.following import Following

_log = structlog.get_logger(__name__)

FETCH_S = 2.0
FAILED_S = 5.0
CONSUMER = topology.OTOSENSE_FOLLOWER


class FollowQueue:
    """Implements Queue, and works it off; `stop` lets what is being looked at end."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream
        self._stopping = asyncio.Event()

    async def follow(self, sensor_id: str) -> None:
        """Nothing when a message of this sensor lies there: its subject must be empty."""
        subject = f"{subjects.OTOSENSE_FOLLOW}.{safe_id(sensor_id)}"
        headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
        try:
            await self._jetstream.publish(subject, b"", timeout=5, headers=headers)
        except APIError as error:
            if error.err_code not in WRONG_LAST_SEQUENCE:
                raise

    async def work(self, following: Following, concurrency: int) -> None:
        await asyncio.gather(*(self._worker(following) for _ in range(concurrency)))

    def stop(self) -> None:
        self._stopping.set()

    async def _worker(self, following: Following) -> None:
        pulling = await self._jetstream.pull_subscribe_bind(CONSUMER.name, stream=CONSUMER.stream)
        try:
            await self._pull(pulling, following)
        finally:
            await pulling.unsubscribe()  # what it never took would hold up the connection's drain

    async def _pull(self, pulling: JetStreamContext.PullSubscription, following: Following) -> None:
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
                await self._look(following, message)

    async def _look(self, following: Following, message: Msg) -> None:
        sensor_id = message.subject.rpartition(".")[2]
        try:
            async with asyncio.timeout(CONSUMER.ack_wait_s - 2):
                wait_s = await following.look(sensor_id)
        except Exception as error:  # noqa: BLE001 - one bad sensor holds up no other, and is not lost
            _log.warning("follow.failed", sensor=sensor_id, error=type(error).__name__)
            wait_s = FAILED_S
        try:
            await (message.ack_sync() if wait_s is None else message.nak(delay=wait_s))
        except (nats.errors.Error, TimeoutError) as error:
            _log.warning("follow.not_settled", sensor=sensor_id, error=type(error).__name__)


class EventTeller:
    """Implements Teller on FERRY_EVENTS."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def position(self) -> int:
        return (await self._jetstream.stream_info(topology.EVENTS.name)).state.last_seq

    async def tell(self, verb: str, message: BaseModel) -> None:
        body = message.model_dump_json(exclude_none=True).encode()
        await self._jetstream.publish(subjects.event("otosense", "sensor", verb), body, timeout=5)

    async def was_told(self, verb: str, sensor_id: str, after: int) -> bool:
        subject, sequence = subjects.event("otosense", "sensor", verb), after
        while True:
            try:
                found = await self._jetstream.get_msg(
                    topology.EVENTS.name, seq=sequence + 1, subject=subject, next=True, direct=True
                )
            except NotFoundError:
                return False
            if json.loads(found.data or b"{}").get("sensorId") == sensor_id:
                return True
            sequence = found.seq or sequence + 1
