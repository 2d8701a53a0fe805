"""Which faults a run has, and when."""

from random import Random

from simulation.faults import CLOUD
from simulation.plan import Fault, Plan

OF_ALL = (*CLOUD, "404")
OF_SENSORS = (
    *CLOUD,
    *("400", "200_with_400", "413", "sensor_gone", "sensor_gone", "500", "503", "blackhole"),
    *("read_back_403", "read_back_surprise"),
)
OF_THE_BUS = (
    *("lost_delivery", "lost_ack", "redelivery", "api_silent", "direct_behind", "deaf", "purge", "bus_clock"),
    *("no_token", "revoked", "registry_silent", "registry_unfilled"),
    *("dead_full", "dead_slow", "dead_unconfirmed"),
)
OF_REPLICAS = ("kill", "kill", "kill", "pause", "restart", "restart", "join", "cut_off")
LONG = {"registry_silent", "registry_unfilled", "dead_full", "direct_behind", "lost_ack"}


def draw_faults(random: Random, plan: Plan) -> list[Fault]:
    """Some runs are quiet but for their sensors' own faults: they show that the others do not notice."""
    span = plan.traffic_s - 60.0
    faults = [_of_sensors(random, plan, span) for _ in range(random.choice((0, 1, 2, 4)))]
    if random.random() < 0.85:
        faults += [_of_all(random, span) for _ in range(random.randint(0, 4))]
        faults += [_of_the_bus(random, plan, span) for _ in range(random.randint(0, 5))]
        faults += [_of_a_replica(random, span) for _ in range(random.randint(0, 4))]
    return sorted(faults, key=lambda fault: (fault.start_s, fault.kind))


def _window(random: Random, span: float, lengths: tuple[float, ...]) -> tuple[float, float]:
    start = random.uniform(10, span)
    return start, min(start + random.choice(lengths) * random.uniform(0.5, 1.5), span + 30)


def _retry_after(random: Random, kind: str) -> float | None:
    if kind not in ("503", "429"):
        return None
    return random.choice((None, 1.0, 10.0, 90.0, 1e6))


def _of_all(random: Random, span: float) -> Fault:
    kind = random.choice(OF_ALL)
    start, end = _window(random, span, (5, 30, 60, 180))
    return Fault(
        kind,
        start,
        end,
        share=1.0 if kind == "404" else random.choice((1.0, 1.0, 0.5, 0.1)),
        retry_after_s=_retry_after(random, kind),
        slow_s=random.uniform(0.5, 8),
    )


def _of_sensors(random: Random, plan: Plan, span: float) -> Fault:
    if random.random() < 0.1 and len(plan.gateways) > 1:
        kind = random.choice(("gateway_gone", "500", "403", "blackhole", "404"))
        start, end = _window(random, span, (60, 300))
        return Fault(kind, start, end, gateway=random.choice(plan.gateways).name)
    kind = random.choice(OF_SENSORS)
    chosen = random.sample(plan.sensors, random.randint(1, max(1, len(plan.sensors) // 5)))
    start, end = _window(random, span, (30, 120, 400, 1200))
    return Fault(
        kind,
        start,
        end,
        sensors=frozenset((sensor.gateway, sensor.name) for sensor in chosen),
        share=random.choice((1.0, 1.0, 0.5)),
        retry_after_s=_retry_after(random, kind),
        slow_s=random.uniform(0.5, 8),
    )


def _of_the_bus(random: Random, plan: Plan, span: float) -> Fault:
    kind = random.choice(OF_THE_BUS)
    start, end = _window(random, span, (30, 120, 400) if kind in LONG else (2, 10, 40))
    share = random.choice((0.02, 0.2))
    sensors = None
    if kind == "purge" and random.random() < 0.7:
        one = random.choice(plan.sensors)
        sensors = frozenset({(one.gateway, one.name)})
    return Fault(kind, start, end, sensors=sensors, share=share, number=random.randrange(-4000, 4000))


def _of_a_replica(random: Random, span: float) -> Fault:
    start = random.uniform(20, span)
    kind = random.choice(OF_REPLICAS)
    lasts = random.choice((0.5, 3.0, 8.0, 30.0)) if kind in ("pause", "cut_off", "kill") else 1.0
    return Fault(kind, start, start + lasts, number=random.randrange(100))
