"""The state for operators: who owns what, how far behind, and the state of the cloud."""

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from ferry.contract import topology
from ferry.contract.telemetry import PartitionState, State
from ferry.telemetry.clock import NowMs
from ferry.telemetry.operators.pauses import PauseDocument
from ferry.telemetry.operators.presence import Observer
from ferry.telemetry.stream.ports import Consumers, Holder
from ferry.telemetry.stream.replicas import Replicas

NOBODY = Holder("", 0)


class StateReader:
    """All replicas' heartbeats, and the state of the streams."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        consumers: Consumers,
        replicas: Replicas,
        observer: Observer,
        partitions: list[int],
        pauses: PauseDocument,
        now_ms: NowMs,
    ) -> None:
        self._jetstream = jetstream
        self._consumers = consumers
        self._now_ms = now_ms
        self._replicas = replicas
        self._observer = observer
        self._partitions = partitions
        self._pauses = pauses

    async def read(self) -> State:
        readings = (await self._jetstream.stream_info(topology.READINGS.name)).state
        dead = await self._jetstream.stream_info(topology.DEAD.name)
        holders = await self._consumers.holders()
        partitions = []
        for number in self._partitions:
            if number == topology.OUTSIDE:
                continue
            owner, lag = holders.get(number, NOBODY)
            age_ms = await self._oldest_ms(number) if readings.messages else None
            partitions.append(
                PartitionState(partition=number, owner=owner or None, lag=lag, oldest_age_ms=age_ms)
            )
        return State(
            replicas=[self._observer.presence(), *self._replicas.others()],
            partitions=partitions,
            paused=self._pauses.items,
            outside=holders.get(topology.OUTSIDE, NOBODY).undelivered,
            waiting=readings.messages,
            waiting_bytes=readings.bytes,
            dead=dead.state.messages,
            dead_bytes=dead.state.bytes,
            dead_max_bytes=dead.config.max_bytes or 0,
        )

    async def _oldest_ms(self, partition: int) -> int | None:
        try:
            first = await self._jetstream.get_msg(
                topology.READINGS.name,
                seq=1,
                subject=topology.partition_filter(partition),
                direct=True,
                next=True,
            )
        except NotFoundError:
            return None
        if first.time is None:
            return None
        return max(0, self._now_ms() - int(first.time.timestamp() * 1000))
