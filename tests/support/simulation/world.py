"""A run's world: the bus, Thing+ and their neighbours in memory, and the faults that meet them."""

import asyncio
import hashlib
from random import Random
from typing import Any

from ferry.contract.dead import Reason
from memory.cloud import TOKEN_REFUSALS, MemoryCloud, Mishap, Request
from memory.link import Troubles
from memory.loop import VirtualLoop
from memory.services import DeadLetter, MemoryAuth, MemoryDeadLetters, MemoryRegistry
from memory.stream import MemoryStream, Stored
from memory.thingplus import StatusWrite, ThingPlus
from simulation.faults import KINDS
from simulation.ledger import Ledger, Message
from simulation.plan import Fault, Plan
from simulation.replicas import Fleet

EPOCH_MS = 1_764_000_000_000
REASONS = frozenset(Reason)
TOKEN_S = 60.0
"""How long a replica keeps a token before it asks auth again."""


class World:
    def __init__(self, plan: Plan, loop: VirtualLoop) -> None:
        self.plan = plan
        self.loop = loop
        self.random = Random(plan.seed * 7919 + 1)
        self.ledger = Ledger()
        self.began = loop.time()
        self.active: list[Fault] = []
        self.violations: list[str] = []
        self.trace = hashlib.sha256()
        self.events = 0
        self.status_writes: list[tuple[str, str | None, StatusWrite, float]] = []
        self.bus_offset_ms = 0
        self.latest_s = -1e9
        """How close the latest message came to its bound, in s."""
        self._build()

    def _build(self) -> None:
        plan = self.plan
        self.stream = MemoryStream(plan.partitions, plan.settings.ack_wait_s, self.now_ms)
        self.stream.on_end = self._on_end
        self.thingplus = ThingPlus(
            self.now_ms, plan.shape, plan.numbers, plan.texts_as_times, largest=plan.largest
        )
        self.auth = MemoryAuth(life_s=TOKEN_S)
        self.registry = MemoryRegistry()
        for gateway in plan.gateways:
            self.registry.intervals[gateway.name] = gateway.interval_ms
            there = self.thingplus.gateways[gateway.name] = set()
            for sensor in gateway.sensors:
                if sensor.state != "absent":
                    self.registry.sensors[gateway.name, sensor.name] = sensor.state
                if sensor.state == "registered":
                    there.add(sensor.name)
        self.cloud = MemoryCloud(
            self.thingplus,
            self._latency_s,
            self._mishap,
            self.auth.accepts,
            self.random.choice(TOKEN_REFUSALS),
            plan.capacity,
        )
        self.cloud.on_answer = self._on_answer
        self.thingplus.on_points = self._on_points
        self.thingplus.on_status = self._on_status
        self.dead_letters = MemoryDeadLetters(
            full=lambda: self._is_active("dead_full"),
            unconfirmed=lambda: self._happens("dead_unconfirmed", 0.5),
            takes_s=lambda: self.random.uniform(1, 7) if self._is_active("dead_slow") else 0.002,
        )
        self.dead_letters.on_store = self._on_dead
        self.auth.none = lambda: self._is_active("no_token")
        troubles = Troubles(
            delivery_is_lost=lambda _: self._happens("lost_delivery"),
            ack_is_lost=lambda _: self._happens("lost_ack"),
            api_fails=lambda: self._is_active("api_silent"),
            api_was_done=lambda: self.random.random() < 0.5,
            direct_is_behind=lambda: self._is_active("direct_behind"),
        )
        self.fleet = Fleet(
            *(self.loop, self.random, plan.settings, self.stream, self.cloud, self.auth, self.registry),
            *(self.dead_letters, self.now_ms, troubles, plan.bus_latency_s),
        )
        self.fleet.on_ack = self._on_ack
        self.fleet.heartbeat_is_lost = lambda: self._is_active("deaf") and self.random.random() < 0.5

    @property
    def passed_s(self) -> float:
        return self.loop.time() - self.began

    def now_ms(self) -> int:
        return EPOCH_MS + int((self.loop.time() - self.began) * 1000) + self.bus_offset_ms

    def note(self, *what: Any) -> None:
        """Into the trace: two runs of a seed have the same one."""
        self.events += 1
        self.trace.update(f"{self.passed_s:.6f} {what}\n".encode())

    def violated(self, what: str) -> None:
        self.violations.append(f"{self.passed_s:.3f} s: {what}")

    # what the publishers do

    def publish(self, subject: str, body: bytes) -> Message:
        stored = self.stream.publish(subject, body)
        tokens = subject.split(".")
        sensor = tokens[5] if len(tokens) > 6 and tokens[4] == "sensors" else None
        return self._message(stored, tokens[3], sensor)

    def _message(self, stored: Stored, gateway: str, sensor: str | None) -> Message:
        self.note("publish", stored.sequence, stored.subject)
        return Message(
            stored.sequence, stored.subject, gateway, sensor, self.loop.time(), stored.stored_ms, stored.body
        )

    def record(self, message: Message) -> None:
        self.ledger.add(message)

    # what comes of it

    def _on_points(self, gateway: str, sensor: str, points: list[tuple[int, Any]]) -> None:
        now = self.loop.time()
        self.note("points", gateway, sensor, points)
        for time, value in points:
            matches = [
                (message, point)
                for message, point in self.ledger.at_cloud(gateway, sensor, value)
                if point.time in (None, time)
            ]
            if not matches:
                self.violated(f"{gateway}/{sensor} has {value} at {time}, which nobody published so")
            for message, point in matches:
                if point.wrong is not None:
                    self.violated(f"message {message.sequence} has a {point.wrong} and was sent")
                if point.delivered_at is None:
                    point.delivered_at = now
                point.times_delivered += 1

    def _on_status(self, gateway: str, sensor: str | None, write: StatusWrite) -> None:
        self.note("status", gateway, sensor, write.value, write.expires)
        self.status_writes.append((gateway, sensor, write, self.loop.time()))

    def _on_dead(self, letter: DeadLetter) -> None:
        self.note("dead", letter.sequence, letter.reason, letter.indexes)
        message = self.ledger.messages[letter.sequence]
        message.letters.append(letter)
        if letter.body != message.body or letter.subject != message.subject or letter.reason not in REASONS:
            self.violated(f"the dead letter of {letter.sequence} is not as it was published")

    def _on_end(self, sequence: int, how: str) -> None:
        self.note("end", sequence, how)
        message = self.ledger.messages[sequence]
        message.ended_at, message.ended_by = self.loop.time(), how

    def _on_ack(self, how: str, sequence: int, lost: bool) -> None:
        if how == "wpi":
            return
        self.note(how, sequence, lost)
        if lost and (message := self.ledger.messages.get(sequence)) is not None:
            message.ack_was_lost = True

    def _on_answer(self, request: Request, what: str) -> None:
        self.note("cloud", request.method, request.gateway, request.sensor, request.kind, what)

    # what goes wrong

    def _latency_s(self) -> float:
        return self.plan.latency_s * self.random.uniform(0.5, 1.5)

    def _is_active(self, kind: str) -> bool:
        return any(fault.kind == kind for fault in self.active)

    def _happens(self, kind: str, share: float | None = None) -> bool:
        for fault in self.active:
            if fault.kind == kind:
                return self.random.random() < (share or fault.share)
        return False

    def _mishap(self, request: Request) -> Mishap | None:
        for fault in self.active:
            if not fault.meets(request.gateway, request.sensor):
                continue
            where = KINDS[fault.kind].where
            if where == "cloud" and self.random.random() < fault.share:
                return Mishap(fault.kind, fault.retry_after_s, fault.slow_s)
            if where != "read_back" or request.kind != "series":
                continue
            if request.method == "GET":
                return Mishap("403" if fault.kind == "read_back_403" else "surprise")
            if self.random.random() < 0.3:  # a doubt, so that something is read back
                return Mishap("commit_then_reset")
        return None

    def start_fault(self, fault: Fault) -> None:
        self.note("fault", fault.kind)
        self.active.append(fault)
        match fault.kind:
            case "sensor_gone":
                for gateway, sensor in fault.sensors or ():
                    self.thingplus.gateways.get(gateway, set()).discard(sensor)
            case "gateway_gone":
                self.thingplus.gateways.pop(str(fault.gateway), None)
            case "revoked":
                self.auth.revoke()
            case "registry_silent":
                self.registry.answers = False
            case "registry_unfilled" if self.registry.filled:
                self.registry.filled = False
                self._saved = (dict(self.registry.sensors), dict(self.registry.intervals))
                self.registry.sensors.clear()
                self.registry.intervals.clear()
            case "bus_clock":
                self.bus_offset_ms += fault.number
            case "purge":
                self._purge(fault)
            case "redelivery":
                self._deliver_again()

    def end_fault(self, fault: Fault) -> None:
        self.note("fault over", fault.kind)
        self.active.remove(fault)
        match fault.kind:
            case "sensor_gone":
                for gateway, sensor in fault.sensors or ():
                    self._restore(gateway, sensor)
            case "gateway_gone":
                for sensor_plan in self.plan.sensors:
                    if sensor_plan.gateway == fault.gateway:
                        self._restore(sensor_plan.gateway, sensor_plan.name)
            case "registry_silent":
                self.registry.answers = not self._is_active("registry_silent")
            case "registry_unfilled":
                if not self._is_active("registry_unfilled"):
                    self.registry.sensors = {**self._saved[0], **self.registry.sensors}
                    self.registry.intervals = self._saved[1]
                    self.registry.filled = True

    def _restore(self, gateway: str, sensor: str) -> None:
        """As far as no other fault takes it away still, and it was registered."""
        gone = any(
            one.kind in ("sensor_gone", "gateway_gone") and one.meets(gateway, sensor) for one in self.active
        )
        if any(one.kind == "gateway_gone" and one.gateway == gateway for one in self.active):
            return
        there = self.thingplus.gateways.setdefault(gateway, set())
        if not gone and self.is_registered(gateway, sensor):
            there.add(sensor)

    def is_registered(self, gateway: str, sensor: str) -> bool:
        for plan in self.plan.sensors:
            if (plan.gateway, plan.name) == (gateway, sensor):
                late = plan.registered_at_s is not None and self.passed_s + 0.001 >= plan.registered_at_s
                return plan.state == "registered" or late
        return False

    async def register_late(self) -> None:
        for sensor in sorted(
            (one for one in self.plan.sensors if one.registered_at_s is not None),
            key=lambda one: one.registered_at_s or 0.0,
        ):
            await asyncio.sleep(max(0.0, (sensor.registered_at_s or 0.0) - self.passed_s))
            self.registry.sensors[sensor.gateway, sensor.name] = "registered"
            self._restore(sensor.gateway, sensor.name)

    def _purge(self, fault: Fault) -> None:
        if fault.sensors is None:
            self.stream.purge()
            return
        for gateway, sensor in fault.sensors:
            self.stream.purge(f"ferry.v1.gateways.{gateway}.sensors.{sensor}.series")

    def _deliver_again(self) -> None:
        for partition, consumer in self.stream.consumers.items():
            for sequence in list(consumer.pending)[:20]:
                self.ledger.messages[sequence].redelivered = True
                self.stream.deliver_again(partition, sequence)
