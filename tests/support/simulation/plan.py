"""What a seed draws: a fleet, its traffic, settings and faults. Times in s from the start of the run."""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from ferry.telemetry.registration.ports import SensorState
from ferry.telemetry.settings import TelemetrySettings
from memory.thingplus import SHAPES

Clocks = Literal["timed", "untimed", "mixed"]
MINUTE = 60.0


@dataclass(slots=True)
class SensorPlan:
    """Shares are chances per message, between 0 and 1. `clock_ms` is how far its clock is ahead of the bus's."""

    gateway: str
    name: str
    clocks: Clocks
    period_s: float
    array: float = 0.0
    longest_array: int = 20
    rubbish: float = 0.0
    bad_value: float = 0.0
    same_time: float = 0.0
    clock_ms: int = 0
    clock_steps: float = 0.0
    status_period_s: float | None = None
    state: SensorState = "registered"
    registered_at_s: float | None = None
    """When it becomes registered, where it is absent at first."""
    bursts: float = 0.0
    longest_burst: int = 50


@dataclass(slots=True)
class GatewayPlan:
    name: str
    interval_ms: int
    sensors: list[SensorPlan]
    status_period_s: float | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` is a row of `faults.KINDS`. `gateway` and `sensors` say whom it meets; without them, everybody."""

    kind: str
    start_s: float
    end_s: float
    gateway: str | None = None
    sensors: frozenset[tuple[str, str]] | None = None
    share: float = 1.0
    retry_after_s: float | None = None
    slow_s: float = 0.0
    number: int = 0

    def meets(self, gateway: str, sensor: str | None) -> bool:
        if self.sensors is not None:
            return sensor is not None and (gateway, sensor) in self.sensors
        return self.gateway is None or self.gateway == gateway

    @property
    def of_all(self) -> bool:
        return self.gateway is None and self.sensors is None


@dataclass(slots=True)
class Plan:
    seed: int
    settings: TelemetrySettings
    replicas: int
    partitions: int
    gateways: list[GatewayPlan]
    latency_s: float
    bus_latency_s: float
    capacity: int
    shape: str
    numbers: bool
    texts_as_times: bool
    largest: int
    traffic_s: float
    faults: list[Fault] = field(default_factory=list)

    @property
    def sensors(self) -> list[SensorPlan]:
        return [sensor for gateway in self.gateways for sensor in gateway.sensors]


def draw(seed: int, traffic_s: float | None = None) -> Plan:
    """`traffic_s` instead of the drawn length, in s: the same faults come sooner after one another."""
    from simulation.drawing_faults import draw_faults
    from simulation.special import make_special

    random = Random(seed)
    gateways = [_gateway(random, number) for number in range(random.randint(1, 4))]
    plan = Plan(
        seed=seed,
        settings=_settings(random),
        replicas=random.choice((1, 2, 2, 3)),
        partitions=random.choice((1, 2, 2, 4)),
        gateways=gateways,
        latency_s=random.choice((0.005, 0.02, 0.05, 0.2)),
        bus_latency_s=random.choice((0.0005, 0.002, 0.01)),
        capacity=random.choice((20, 100, 1000)),
        shape=random.choice(SHAPES),
        numbers=random.random() < 0.5,
        texts_as_times=random.random() < 0.3,
        largest=random.choice((10, 100, 1000, 1000)),
        traffic_s=random.choice((20, 30, 35)) * MINUTE,
    )
    plan.traffic_s = traffic_s or plan.traffic_s
    plan.faults = draw_faults(random, plan)
    make_special(plan)
    return plan


def _settings(random: Random) -> TelemetrySettings:
    """Production's in most runs; smaller bounds, which are met sooner, in the others."""
    chosen: dict[str, object] = {"ack_wait_s": random.choice((30.0, 120.0, 600.0))}
    if random.random() < 0.4:
        chosen |= {
            "in_flight_messages": random.choice((64, 512, 2048)),
            "lane_messages": random.choice((2, 16, 256)),
            "put_max_points": random.choice((5, 50, 500)),
        }
    if random.random() < 0.3:
        chosen |= {"in_flight_bytes": random.choice((256, 1024)) * 1024}
    if random.random() < 0.4:
        chosen |= {"retry_budget_s": random.choice((30.0, 60.0))}
    if random.random() < 0.3:
        chosen |= {"unknown_messages": random.choice((5, 50))}
    if random.random() < 0.2:
        chosen |= {"concurrency_max": random.choice((4, 16))}
    if random.random() < 0.2:
        chosen |= {"linger_s": 0.2}
    return TelemetrySettings.model_validate(chosen)


def _gateway(random: Random, number: int) -> GatewayPlan:
    name = f"g{number}"
    sensors = [_sensor(random, name, one) for one in range(random.choice((1, 2, 4, 8)))]
    says = random.choice((None, None, 45.0, 120.0))
    return GatewayPlan(name, random.choice((60_000, 300_000)), sensors, says)


def _sensor(random: Random, gateway: str, number: int) -> SensorPlan:
    sensor = SensorPlan(
        gateway,
        f"s{number}",
        random.choices(("timed", "untimed", "mixed"), (5, 3, 1))[0],
        random.choice((2.0, 10.0, 20.0, 30.0, 60.0)),
    )
    sensor.array = random.choice((0.0, 0.0, 0.1, 0.5))
    sensor.longest_array = random.choice((5, 20, 100))
    sensor.rubbish = random.choice((0.0, 0.0, 0.0, 0.05))
    sensor.bad_value = random.choice((0.0, 0.0, 0.0, 0.05, 0.3))
    sensor.same_time = random.choice((0.0, 0.0, 0.1))
    sensor.clock_ms = random.choice((0, 0, 0, 0, -7_200_000, 60_000, 7_200_000))
    sensor.clock_steps = random.choice((0.0, 0.0, 0.0, 0.01))
    sensor.status_period_s = random.choice((None, None, None, 20.0, 90.0))
    sensor.bursts = random.choice((0.0, 0.0, 0.005))
    sensor.longest_burst = random.choice((20, 100))
    if sensor.bad_value:  # each costs its lane several requests: more than these, and it could never keep up
        sensor.longest_array, sensor.bursts = 5, 0.0
        sensor.period_s = max(sensor.period_s, 10.0)
    drawn = random.random()
    if drawn < 0.06:
        sensor.state = "absent"
        if random.random() < 0.5:
            sensor.registered_at_s = random.uniform(5, 300)
        sensor.period_s = random.choice((0.5, 2.0, 5.0))
    elif drawn < 0.09:
        sensor.state = "retired"
    return sensor
