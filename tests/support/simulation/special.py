"""Some seeds have worlds of their own: what in a drawn one is too rare, or too seldom alone, to be seen."""

from random import Random

from ferry.telemetry.settings import TelemetrySettings
from simulation.plan import Fault, GatewayPlan, Plan, SensorPlan

QUIET, CROWDED, LIMITED, DOUBTFUL = 1, 13, 11, 10
"""Of every 16 seeds three are quiet, one is crowded, one has little memory, one refuses read-backs for long."""


def make_special(plan: Plan) -> None:
    random = Random(plan.seed * 31 + 5)
    if plan.seed % 4 == QUIET and plan.seed % 16 != CROWDED:
        _make_quiet(random, plan)
    elif plan.seed % 16 == CROWDED:
        _crowd(random, plan)
    elif plan.seed % 16 == LIMITED:
        _limit(random, plan)
    elif plan.seed % 16 == DOUBTFUL:
        _doubt(random, plan)


def _make_quiet(random: Random, plan: Plan) -> None:
    """Little traffic, so that nothing that follows reveals what was lost on its way."""
    for sensor in plan.sensors:
        sensor.period_s *= 5
        if sensor.status_period_s:
            sensor.status_period_s *= 3
    for _ in range(2):
        start = random.uniform(20, plan.traffic_s - 60)
        plan.faults.append(Fault("lost_delivery", start, start + random.uniform(20, 60)))
    _sort(plan)


def _crowd(random: Random, plan: Plan) -> None:
    """Many lanes through a slow cloud, which is overloaded for a while: the limit must grow again."""
    plan.gateways = [
        GatewayPlan(
            f"g{gateway}",
            300_000,
            [SensorPlan(f"g{gateway}", f"s{number}", "timed", 3.0) for number in range(40)],
        )
        for gateway in range(2)
    ]
    plan.settings = TelemetrySettings()
    plan.latency_s, plan.capacity, plan.replicas = 0.2, 100, 1
    plan.traffic_s = min(plan.traffic_s, 200.0)
    start = random.uniform(20, 30)
    plan.faults = [Fault("503", start, start + 30, share=0.4)]


def _limit(random: Random, plan: Plan) -> None:
    """A gateway that fails while it publishes more than its share of the memory."""
    hog = plan.gateways[0]
    for sensor in hog.sensors:
        sensor.state, sensor.period_s, sensor.array = "registered", 2.0, 0.0
        sensor.bursts, sensor.longest_burst, sensor.bad_value = 0.03, 40, 0.0
    plan.settings = TelemetrySettings(in_flight_messages=64, ack_wait_s=30.0)
    start = random.uniform(20, plan.traffic_s - 60)
    plan.faults.append(
        Fault(random.choice(("503", "slow", "500")), start, start + 60, gateway=hog.name, slow_s=8)
    )
    one = random.choice(hog.sensors)
    at = start + random.uniform(10, 50)
    plan.faults.append(Fault("purge", at, at + 1, sensors=frozenset({(one.gateway, one.name)})))
    _sort(plan)


def _doubt(random: Random, plan: Plan) -> None:
    """Writes of one sensor stay in doubt until its budget is spent, while others get through."""
    gateway = plan.gateways[0]
    gateway.sensors += [SensorPlan(gateway.name, f"d{number}", "timed", 4.0) for number in range(3)]
    plan.settings = plan.settings.model_copy(update={"retry_budget_s": 30.0})
    start = random.uniform(10, 30)
    victim = frozenset({(gateway.name, "d0")})
    plan.faults.append(Fault("read_back_403", start, plan.traffic_s - 30, sensors=victim))
    _sort(plan)


def _sort(plan: Plan) -> None:
    plan.faults.sort(key=lambda fault: (fault.start_s, fault.kind))
