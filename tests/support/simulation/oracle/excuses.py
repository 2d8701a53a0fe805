"""Which dead letters a message may become, given what befell its own sensor and nobody else's."""

from typing import TYPE_CHECKING

from ferry.telemetry.delivery.limits.limiter import START
from simulation.faults import KINDS, PERSISTENT
from simulation.ledger import Message
from simulation.plan import Fault, Plan, SensorPlan

if TYPE_CHECKING:
    from simulation.world import World

SLACK_S = 30.0
"""A decision may follow its cause by so much."""
FAILING = frozenset({"cloud", "read_back", "cloud_state"})


class Excuses:
    def __init__(self, world: "World") -> None:
        self._world = world
        self._began = world.began
        self._budget_s = world.plan.settings.retry_budget_s
        self._sensors = {(one.gateway, one.name): one for one in world.plan.sensors}
        self.pausing = [
            one for one in world.plan.faults if _pauses_the_cloud(one) or _holds_all_places(world.plan, one)
        ]
        """Those of some sensors that meet all: as the cloud asked, or because no place is left for a request."""
        self._own: dict[tuple[str, str | None], list[Fault]] = {}

    def sensor(self, gateway: str, sensor: str | None) -> SensorPlan | None:
        return self._sensors.get((gateway, sensor or ""))

    def own(self, gateway: str, sensor: str | None) -> list[Fault]:
        """The faults that meet this entity, those of everybody included."""
        key = (gateway, sensor)
        if key not in self._own:
            self._own[key] = [one for one in self._world.plan.faults if one.meets(gateway, sensor)]
        return self._own[key]

    def is_partial(self, fault: Fault) -> bool:
        """Whether some get through while others fail: lanes then wait by themselves."""
        if not fault.of_all or fault.share < 1.0:
            return True
        return any(
            one is not fault and one.start_s < fault.end_s and one.end_s + 60 > fault.start_s
            for one in self._world.plan.faults
            if KINDS[one.kind].where in FAILING
        )

    def reasons(self, message: Message, at: float) -> set[str]:
        """The reasons that a dead letter at `at` may have, beside what is wrong with the message itself."""
        found = self._registration(message, at)
        failing_s = 0.0
        last_end = -1e9
        for fault in self.own(message.gateway, message.sensor):
            kind = KINDS[fault.kind]
            if kind.where not in FAILING:
                continue
            start, end = self._began + fault.start_s, self._began + fault.end_s
            if start > at:
                continue
            last_end = max(last_end, end)
            if not (fault.of_all and fault.share == 1.0):
                failing_s += min(end, at) - start
            # a wiped cloud says of everybody that it is gone: that proves nothing, unless it knows others still
            if (not fault.of_all or self._knows_others(fault)) and end + SLACK_S >= message.at:
                found |= kind.at_once
        if failing_s >= self._budget_s * 0.8 and last_end + SLACK_S >= message.at:
            found |= PERSISTENT
        if found and self._was_unstored(message, at):
            found.add("out_of_order")  # the next owner looks at it again, and the cloud has newer readings
        return found

    def _was_unstored(self, message: Message, at: float) -> bool:
        """Whether an earlier dead letter of it may not have been stored."""
        return any(
            KINDS[one.kind].where == "dead"
            and self._began + one.start_s < at
            and self._began + one.end_s > message.at
            for one in self._world.plan.faults
        )

    def _knows_others(self, fault: Fault) -> bool:
        """While it says 404 to most, it refuses the readings of some: so it has their sensors."""
        return fault.kind == "404" and any(
            one.kind in ("400", "200_with_400", "413")
            and one.start_s < fault.end_s
            and one.end_s > fault.start_s
            for one in self._world.plan.faults
        )

    def _registration(self, message: Message, at: float) -> set[str]:
        sensor = self.sensor(message.gateway, message.sensor)
        if sensor is None:
            return set()
        if sensor.state == "retired":
            return {"retired_sensor"}
        if sensor.state == "absent":
            late = sensor.registered_at_s
            if late is None or at < self._began + late + SLACK_S or message.at < self._began + late:
                return {"unknown_sensor"}
        return set()


def _holds_all_places(plan: Plan, fault: Fault) -> bool:
    """Lanes that worked before and get no answer keep their places until the time-out: a known limit of the gate."""
    if fault.kind not in ("blackhole", "commit_then_blackhole", "slow"):
        return False
    lanes = sum(fault.meets(one.gateway, one.name) for one in plan.sensors) * 2 + 1
    return lanes >= min(START, plan.settings.concurrency_max)


def _pauses_the_cloud(fault: Fault) -> bool:
    """429 speaks for the cloud, and so do three lanes that are told `Retry-After`."""
    lanes = 3 if fault.sensors is None else len(fault.sensors) * 2  # a sensor has a lane for its status, too
    return fault.kind == "429" or (fault.retry_after_s is not None and lanes >= 3)
