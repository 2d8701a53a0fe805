"""A cloud that fails, drops, swallows, throttles and refuses: everything is kept, nothing becomes a dead letter."""

import asyncio
import signal

from chaos.arena import arena
from chaos.run import OUTAGE_S, ROUNDS, SEED, publish_while
from harness.processes import eventually

OUTAGE = {"kind": "status", "status": 503}
COMMIT_THEN_DROP = {"kind": "reset_after"}


FAULTS = (
    OUTAGE,
    {"kind": "status", "status": 429, "retry_after": "1"},
    {"kind": "status", "status": 429},
    {"kind": "blackhole"},
    {"kind": "reset_before"},
    COMMIT_THEN_DROP,
    {"kind": "malformed"},
    {"kind": "reset_after", "rate": 0.2},
    {"kind": "status", "status": 500, "rate": 0.3},
)


async def suffer(ring, fault):
    """The cloud fails in this way, comes back, and gets all that was published until then."""
    print(fault)
    before = await ring.tally()
    match = {"path": "*/gateways/*", "method": "PUT"}  # series and statuses
    await ring.sandbox.fault(match=match, seed=SEED, **fault)
    await asyncio.sleep(OUTAGE_S if fault == OUTAGE else 1.5 * max(1, ROUNDS / 3))
    await ring.sandbox.heal()
    published = ring.publisher.ledger.count

    async def caught_up():
        return await ring.sandbox.points() >= published

    await eventually(caught_up, within_s=60 + OUTAGE_S, what=f"what was published during {fault}")
    if fault == COMMIT_THEN_DROP:  # sent again, and found to be there
        assert (await ring.tally()).again > before.again


async def test_a_cloud_that_fails_and_comes_back(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1, FERRY_THINGPLUS__ANSWER_S="0.5") as ring:

        async def fail() -> None:
            for fault in ring.random.sample(FAULTS, len(FAULTS)):
                await suffer(ring, fault)

        await publish_while(ring, fail(), per_sensor=100_000)
        assert await ring.dead() == []


async def test_an_outage_that_a_lone_replica_partly_slept_through(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:

        async def sleep() -> None:
            await asyncio.sleep(0.3)
            await ring.sandbox.fault(match={"path": "*/series", "method": "PUT"}, kind="status", status=503)
            await asyncio.sleep(1)
            ring.replicas[0].process.send(signal.SIGSTOP)
            await asyncio.sleep(3)
            ring.replicas[0].process.send(signal.SIGCONT)
            await asyncio.sleep(1)
            await ring.sandbox.heal()

        await publish_while(ring, sleep(), per_sensor=400)
        assert await ring.dead() == []


async def test_all_tokens_revoked_at_once(tmp_path):
    async with arena(tmp_path, seed=SEED) as ring:

        async def revoke() -> None:
            for _ in range(ROUNDS):
                await asyncio.sleep(0.4)
                await ring.sandbox.post("/admin/revoke")

        await publish_while(ring, revoke(), per_sensor=400)
        assert await ring.dead() == []


async def test_credentials_refused_for_a_while_and_then_accepted(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:
        told = await ring.client.subscribe("ferry.v1.events.auth.credentials.refused")

        async def user(state: str) -> None:
            await ring.sandbox.post("/admin/credentials", {"tenant": "demo", "user": state})

        async def refuse() -> None:
            await asyncio.sleep(0.3)
            await user("disabled")
            await ring.sandbox.post("/admin/revoke")
            await told.next_msg(timeout=20)
            before, published = await ring.sandbox.points(), ring.publisher.ledger.count

            async def goes_on() -> bool:
                return ring.publisher.ledger.count > published + 10 * len(ring.sensors)

            await eventually(goes_on, within_s=20, what="readings that the bus takes all the same")
            assert await ring.sandbox.points() == before
            await user("active")

        await publish_while(ring, refuse(), per_sensor=400)
        assert await ring.dead() == []


async def test_of_statuses_that_wait_out_an_outage_the_last_is_shown(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1, gateways=2, sensors=2) as ring:
        match = {"path": "*/status", "method": "PUT"}
        entities = [("gateway-0", None), *ring.sensors]
        await ring.sandbox.fault(match=match, **OUTAGE)
        for number, value in enumerate(("on", "off", "err", "on", "off")):
            for gateway, sensor in entities:
                await ring.publisher.status(gateway, sensor, value, 3600 + 60 * number)
            await asyncio.sleep(0.2)
        await ring.sandbox.heal()
        await ring.drained()
        assert (await ring.judge()).bad == []
        assert await ring.dead() == []
