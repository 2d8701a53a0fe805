"""One seed, from its first publication until nothing is left, and what the oracle says."""

import asyncio
import gc
import random
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from time import process_time
from typing import Any

import structlog

from memory.loop import VirtualLoop, run_virtually
from simulation.bounds import rest, watch
from simulation.oracle import judge
from simulation.plan import Fault, Plan, draw
from simulation.replicas import Process
from simulation.traffic import Traffic
from simulation.world import World


@dataclass(frozen=True, slots=True)
class Result:
    """`cpu_s` is what it took, `simulated_s` how long the run was in its own time."""

    seed: int
    violations: list[str]
    messages: int
    simulated_s: float
    cpu_s: float
    trace: str
    events: int


def simulate(seed: int, traffic_s: float | None = None) -> Result:
    """Runs alone in its thread: module-level `random` is seeded, and logs are listened to."""
    began = process_time()
    chosen = draw(seed, traffic_s)
    state = random.getstate()
    random.seed(seed)
    gc.disable()
    try:
        with _logs() as logs:
            world, passed_s = run_virtually(lambda loop: _run(chosen, loop, logs))
    finally:
        gc.enable()
        random.setstate(state)
    return Result(
        seed=seed,
        violations=world.violations,
        messages=len(world.ledger.messages),
        simulated_s=passed_s,
        cpu_s=process_time() - began,
        trace=world.trace.hexdigest(),
        events=world.events,
    )


@contextmanager
def _logs() -> Iterator[list[str]]:
    """An error in the log is a fault of the domain."""
    errors: list[str] = []

    def listen(_: Any, method: str, event: MutableMapping[str, Any]) -> str:
        if method in ("error", "critical", "exception"):
            errors.append(f"{event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[listen], cache_logger_on_first_use=False)
    try:
        yield errors
    finally:
        structlog.configure(**before)


async def _run(plan: Plan, loop: VirtualLoop, logs: list[str]) -> tuple[World, float]:
    world = World(plan, loop)
    for _ in range(plan.replicas):
        world.fleet.start()
    watching = asyncio.create_task(watch(world))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.register_late())
        tasks.create_task(Traffic(world, Random(plan.seed * 104_729)).run())
        for fault in plan.faults:
            tasks.create_task(_happen(world, fault))
    await _drained(world)
    await rest(world)
    await asyncio.sleep(3)
    watching.cancel()
    passed_s = world.passed_s
    judge(world)
    for error in logs:
        world.violated(f"an error was logged: {error}")
    await _stop(world)
    return world, passed_s


async def _drained(world: World) -> None:
    """Everything ends, within what redelivery and the longest waits need."""
    settings = world.plan.settings
    ends = world.loop.time() + settings.ack_wait_s * 2.5 + settings.retry_budget_s + 300
    while world.stream.messages and world.loop.time() < ends:
        await asyncio.sleep(1)


async def _stop(world: World) -> None:
    for process in world.fleet.alive:
        await process.stop()
        assert process.replica is not None
        limiter, in_flight = process.replica.gate.limiter, process.replica.in_flight
        if limiter.in_use or in_flight.messages or in_flight.bytes:
            what = (limiter.in_use, in_flight.messages, in_flight.bytes)
            world.violated(f"{process.name} stopped with requests, messages, bytes {what}")
    await world.fleet.end()


async def _happen(world: World, fault: Fault) -> None:
    await asyncio.sleep(max(0.0, fault.start_s - world.passed_s))
    process = _victim(world, fault)
    world.start_fault(fault)
    match fault.kind:
        case "kill":
            process.kill()
        case "pause":
            world.loop.stop_process(process.name)
        case "restart":
            await process.stop()
            world.fleet.start()
        case "join":
            world.fleet.start()
        case "cut_off":
            process.link.disconnect()
    await asyncio.sleep(max(0.0, fault.end_s - world.passed_s))
    world.end_fault(fault)
    if not process.alive:
        if fault.kind == "kill":
            world.fleet.start()
        return
    match fault.kind:
        case "pause":
            world.loop.go_on(process.name)
        case "cut_off":
            process.link.connect()


def _victim(world: World, fault: Fault) -> Process:
    alive = world.fleet.alive
    if not alive:
        return world.fleet.start()
    return alive[fault.number % len(alive)]
