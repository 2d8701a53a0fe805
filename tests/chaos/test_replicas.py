"""Replicas killed, replaced and paused: nothing acknowledged is lost, each sensor in order.

Short and seeded here; CHAOS_ROUNDS makes them longer (`make chaos`).
"""

import asyncio
import signal
import sys
from pathlib import Path

from chaos.arena import arena
from chaos.run import ROUNDS, SEED, publish_while
from harness.processes import eventually

PLACES = (
    *("before_put", "after_put", "before_ack", "after_ack"),
    *("before_dead_letter", "after_dead_letter", "before_term", "after_term"),
)


async def slow(ring):
    """Half of the answers trickle in when the work is done: a kill finds many PUTs committed and unanswered."""
    match = {"path": "*/series", "method": "PUT"}
    await ring.sandbox.fault(match=match, kind="slow_body", duration_s=0.1, rate=0.5, seed=SEED)


async def delivering(ring):
    """More than what was on its way arrives: somebody owns the partitions."""
    before = await ring.sandbox.points()

    async def more():
        return await ring.sandbox.points() > before + 2 * len(ring.sensors)

    await eventually(more, within_s=30, what="arriving readings")


async def test_replicas_killed_under_load(tmp_path):
    async with arena(tmp_path, seed=SEED) as ring:

        async def kill() -> None:
            await slow(ring)
            for _ in range(ROUNDS):
                await delivering(ring)
                await asyncio.sleep(ring.random.uniform(0, 0.5))
                await ring.add_replica()
                await ring.kill_replica(ring.random.choice(ring.replicas[:-1]))

        await publish_while(ring, kill(), per_sensor=200 * ROUNDS)


async def test_the_last_replica_is_killed_and_another_comes(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:

        async def kill() -> None:
            await slow(ring)
            for _ in range(ROUNDS):
                await delivering(ring)
                await asyncio.sleep(ring.random.uniform(0, 0.5))
                await ring.kill_replica(ring.replicas[0])
                await ring.add_replica()

        await publish_while(ring, kill(), per_sensor=200 * ROUNDS)


async def test_a_rolling_restart_under_load_makes_no_dead_letter(tmp_path):
    async with arena(tmp_path, seed=SEED) as ring:

        async def roll() -> None:
            for _ in range(ROUNDS):
                await ring.add_replica()
                await ring.stop_replica(ring.replicas[0])

        await publish_while(ring, roll(), per_sensor=200 * ROUNDS)
        assert await ring.dead() == []


async def test_a_replica_paused_past_its_lease_neither_loses_nor_reorders(tmp_path):
    async with arena(tmp_path, seed=SEED) as ring:

        async def pause() -> None:
            paused = ring.replicas[0]
            paused.process.send(signal.SIGSTOP)
            await asyncio.sleep(3)
            paused.process.send(signal.SIGCONT)
            await asyncio.sleep(1)

        await publish_while(ring, pause(), per_sensor=400)
        assert await ring.dead() == []


def failing_at(place: str, passes: int) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("failpoint.py")), place, str(passes)]


async def test_replicas_killed_exactly_before_and_after_each_step(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=0, gateways=16, sensors=2) as ring:
        ring.publisher.refused_share = 0.05

        async def kill() -> None:
            for _ in range(max(1, ROUNDS // 3)):
                chosen = [failing_at(place, ring.random.randint(1, 5)) for place in PLACES]
                dying = await asyncio.gather(*map(ring.add_dying, chosen))
                async with asyncio.timeout(60):
                    ends = await asyncio.gather(*(replica.process.child.wait() for replica in dying))
                assert ends == [-signal.SIGKILL] * len(PLACES)
            await ring.add_replica()

        await publish_while(ring, kill(), per_sensor=1000 * ROUNDS, pause_s=0.1)
        assert await ring.dead()
