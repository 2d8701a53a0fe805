"""By when each message must have its outcome, given its own sensor's troubles and nobody else's."""

from typing import TYPE_CHECKING

from simulation.faults import KINDS, recovery_s
from simulation.ledger import Message
from simulation.oracle.excuses import Excuses

if TYPE_CHECKING:
    from simulation.world import World

BASE_S = 2.0
LATENCIES = 10
SLOW_LOOK_UPS_S = 10.0
BACK_OFF_S = 35.0
"""A lane that failed while others got through may wait so long when its trouble ends: `retry_cap_s`, and a bit."""


def judge_delays(world: "World") -> None:
    excuses = Excuses(world)
    busy_until: dict[tuple[str, str | None], float] = {}
    for message in world.ledger.messages.values():
        if message.ended_by == "purge" or message.wrong == "invalid_subject":
            continue
        lane = (message.gateway, message.sensor)
        work_s = _work_s(world, message)
        start = max(busy_until.get(lane, 0.0), message.at)
        bound_s = _bound_s(world, excuses, message)
        ends = _deadline(world, excuses, message, start + work_s, bound_s)
        if message.status is None:
            busy_until[lane] = max(busy_until.get(lane, 0.0), ends - bound_s, start + work_s)
        outcome = message.outcome_at
        late_s = (outcome or 1e9) - ends
        world.latest_s = max(world.latest_s, (outcome or 0) - ends)
        if late_s > 0 and not message.ack_was_lost:
            at = "never" if outcome is None else f"{outcome - world.began:.3f} s"
            world.violated(
                f"message {message.sequence} ({message.subject}) of {message.at - world.began:.3f} s had its outcome "
                f"at {at}: {late_s:.1f} s too late"
            )


def _bound_s(world: "World", excuses: Excuses, message: Message) -> float:
    """What it may take in peace. A grace period is a part of it: the next owner begins it anew."""
    plan = world.plan
    bound_s = BASE_S + LATENCIES * plan.latency_s + plan.settings.linger_s * 2
    sensor = excuses.sensor(message.gateway, message.sensor)
    if sensor is not None and sensor.state == "absent":
        bound_s += plan.settings.unknown_grace_s + SLOW_LOOK_UPS_S
    return bound_s


def _work_s(world: "World", message: Message) -> float:
    """Its own share of its lane's time."""
    plan = world.plan
    at_once = min(plan.settings.put_max_points, plan.largest)
    requests = len(message.points) / at_once
    requests += sum(2 + len(message.points).bit_length() for point in message.points if point.bad_value)
    requests += sum(2 for point in message.points if not point.in_order)
    return requests * plan.latency_s * 3


def _deadline(world: "World", excuses: Excuses, message: Message, start: float, bound_s: float) -> float:
    """The bound runs from the end of the last trouble that the message met."""
    moved = True
    while moved:
        moved = False
        for fault in (*excuses.own(message.gateway, message.sensor), *excuses.pausing):
            where = KINDS[fault.kind].where
            if where == "dead" and not _may_be_dead(excuses, message):
                continue
            lasts = recovery_s(fault, world.plan.settings.pause_max_s)
            lasts += BACK_OFF_S if excuses.is_partial(fault) else 0.0
            begins, ends = world.began + fault.start_s, world.began + fault.end_s + lasts
            if begins <= start + bound_s and ends > start:
                start, moved = ends, True
    return start + bound_s


def _may_be_dead(excuses: Excuses, message: Message) -> bool:
    """A status whose dead letter could not be stored may be superseded at its next owner."""
    at = message.at if message.ended_at is None else message.ended_at
    return bool(message.letters or message.wrong or excuses.reasons(message, at))
