"""What a replica may have in memory, at every moment and when nothing is left to do."""

import asyncio
from typing import TYPE_CHECKING

from ferry.telemetry.replica import Replica
from ferry.telemetry.stream.in_flight import GATEWAY_SHARE

if TYPE_CHECKING:
    from simulation.world import World

LOOK_S = 2.0
SLACK_MESSAGES = 256
"""What a pull of each partition may still bring."""
REST_S = 180.0
"""A lane's longest wait, and its last request: `pause_max_s`, and a bit."""


async def watch(world: "World") -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        for process in world.fleet.alive:
            if process.replica is not None:
                for what in _beyond(world, process.replica):
                    world.violated(f"{process.name} has {what}")


def _beyond(world: "World", replica: Replica) -> list[str]:
    settings, in_flight = world.plan.settings, replica.in_flight
    pulls = world.plan.partitions + 1
    most_lanes = (len(world.plan.sensors) + len(world.plan.gateways)) * 2
    found = []
    if in_flight.messages > settings.in_flight_messages + SLACK_MESSAGES * pulls:
        found.append(f"{in_flight.messages} messages in flight")
    if in_flight.bytes > settings.in_flight_bytes + (1 << 20) * pulls:
        found.append(f"{in_flight.bytes} bytes in flight")
    share = settings.in_flight_messages // GATEWAY_SHARE + most_lanes
    for gateway, (messages, _) in in_flight._of_gateway.items():
        if messages > share:
            found.append(f"{messages} messages of {gateway} in flight")
    lanes = sum(len(one.lanes) + len(one.statuses) for one in replica.ownership.owned.values())
    if lanes > most_lanes:
        found.append(f"{lanes} lanes")
    return found


async def rest(world: "World") -> None:
    """Nothing is left in the stream: soon no lane is at work."""
    ends = world.loop.time() + REST_S
    while world.loop.time() < ends:
        if not _at_work(world):
            return
        await asyncio.sleep(1)
    for lane in _at_work(world):
        world.violated(f"{lane} is at work, and nothing is left in the stream")


def _at_work(world: "World") -> list[str]:
    replicas = [one.replica for one in world.fleet.alive if one.replica is not None]
    owned = [partition for replica in replicas for partition in replica.ownership.owned.values()]
    return sorted(key for one in owned for key in (*one.running, *one.running_statuses))
