"""What an operator wants to know: who owns what, how far behind, and how the cloud behaves."""

import time

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from ferry.contract import topology
from ferry.contract.telemetry import Failure, PartitionState, Presence, State
from ferry.telemetry.hand import Hand
from ferry.telemetry.leases import Leases
from ferry.telemetry.limiter import Failures
from ferry.telemetry.ownership import Ownership
from ferry.telemetry.replicas import Replicas
from ferry.telemetry.sender import Sender


class Observer:
    def __init__(
        self, replica: str, ownership: Ownership, hand: Hand, sender: Sender, failures: Failures
    ) -> None:
        self._replica = replica
        self._ownership = ownership
        self._hand = hand
        self._sender = sender
        self._failures = failures

    def presence(self, *, leaving: bool = False) -> Presence:
        """The replica as its heartbeat says it to the others."""
        gate, hand, counts = self._sender.gate, self._hand, self._hand.counts
        return Presence(
            replica=self._replica,
            leaving=leaving,
            partitions=tuple(sorted(self._ownership.held)),
            in_hand=hand.messages,
            in_hand_bytes=hand.bytes,
            oldest_age_ms=hand.oldest_ms(),
            breaker=gate.breaker.state,
            limit=int(gate.limiter.limit),
            requests=gate.limiter.in_use,
            delivered=counts.delivered,
            dead=counts.dead,
            given_back=counts.given_back,
            puts=self._sender.puts,
            retries=self._sender.retries,
            failures=tuple(Failure(at=at, what=what) for at, what in self._failures.last),
        )


class StateReader:
    """All replicas' heartbeats beside what the streams themselves say."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        leases: Leases,
        replicas: Replicas,
        observer: Observer,
        partitions: int,
    ) -> None:
        self._jetstream = jetstream
        self._leases = leases
        self._replicas = replicas
        self._observer = observer
        self._partitions = partitions

    async def read(self) -> State:
        readings = (await self._jetstream.stream_info(topology.READINGS.name)).state
        dead = await self._jetstream.stream_info(topology.DEAD.name)
        holders = await self._leases.holders()
        partitions = []
        for number in range(self._partitions):
            owner, lag = holders.get(number, (None, 0))
            age_ms = await self._oldest_ms(number) if readings.messages else None
            partitions.append(PartitionState(partition=number, owner=owner, lag=lag, oldest_age_ms=age_ms))
        return State(
            replicas=[self._observer.presence(), *self._replicas.others()],
            partitions=partitions,
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
        return max(0, time.time_ns() // 1_000_000 - int(first.time.timestamp() * 1000))
