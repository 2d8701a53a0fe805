"""The promise under fire: nothing acknowledged is lost, each sensor in order, every dead letter with its reason.

Short and seeded here; CHAOS_ROUNDS makes them longer (`make chaos`).
"""

import asyncio
import os
import shutil
import signal

import nats.errors
import nats.js.errors
import pytest

from chaos.arena import arena
from harness.bus import Bus, Cluster
from harness.processes import eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "3"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))


async def publish_while(ring, breaking, per_sensor=60, pause_s=0.05):
    """Publishes while `breaking` does its work, then waits for every message's fate and asks the oracle."""
    publishing = asyncio.create_task(ring.publisher.run(per_sensor, pause_s))
    await breaking
    ring.publisher.stop()
    ledger = await publishing
    await ring.drained()
    found = await ring.judge(ledger)
    assert found.bad == []
    assert ledger.count > len(ring.sensors)
    return ledger


async def test_replicas_killed_under_load(tmp_path):
    async with arena(tmp_path, seed=SEED) as ring:

        async def kill() -> None:
            for _ in range(ROUNDS):
                await asyncio.sleep(ring.random.uniform(0.2, 0.8))
                await ring.add_replica()
                await ring.kill_replica(ring.random.choice(ring.replicas[:-1]))

        await publish_while(ring, kill(), per_sensor=200 * ROUNDS)
        print(f"{ring.kills} kills")


async def test_the_last_replica_is_killed_and_another_comes(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:

        async def kill() -> None:
            for _ in range(ROUNDS):
                await asyncio.sleep(ring.random.uniform(0.1, 0.5))
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
            await asyncio.sleep(4)
            paused.process.send(signal.SIGCONT)
            await asyncio.sleep(1)

        await publish_while(ring, pause(), per_sensor=400)
        assert await ring.dead() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429, "retry_after": "1"},
        {"kind": "status", "status": 429},
        {"kind": "reset_before"},
        {"kind": "reset_after"},
        {"kind": "malformed"},
        {"kind": "reset_after", "rate": 0.2},
        {"kind": "status", "status": 500, "rate": 0.3},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
async def test_a_cloud_that_fails_and_comes_back(tmp_path, fault):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:

        async def fail() -> None:
            await asyncio.sleep(0.3)
            await ring.sandbox.fault(match={"path": "*/series", "method": "PUT"}, seed=SEED, **fault)
            await asyncio.sleep(1.5 * max(1, ROUNDS / 3))
            await ring.sandbox.heal()

        await publish_while(ring, fail(), per_sensor=400)
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


async def test_nats_killed_and_back_on_the_same_files(tmp_path):
    async with arena(tmp_path, seed=SEED) as ring:

        async def kill() -> None:
            for _ in range(ROUNDS):
                await asyncio.sleep(0.5)
                assert isinstance(ring.bus, Bus)
                await ring.bus.process.kill()
                await ring.bus.restart()

        await publish_while(ring, kill(), per_sensor=200)


async def test_one_sensor_for_ever_failing_among_good_ones(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1, FERRY_TELEMETRY__RETRY_BUDGET_S="1") as ring:
        stuck = ring.sensors[0]
        await ring.sandbox.fault(
            match={"path": f"*/sensors/{stuck[1]}/series", "method": "PUT"}, kind="status", status=500
        )

        async def buried() -> None:
            await asyncio.sleep(1)
            ring.publisher.retired.add(stuck)
            published = ring.publisher.ledger.acknowledged[stuck]

            async def all_dead() -> bool:
                return len(await ring.dead()) >= len(published)

            await eventually(all_dead, within_s=40, what="the stuck sensor's dead letters")

        # The budget runs only while others get through: they go on until it has run out.
        await publish_while(ring, buried(), per_sensor=4000)
        letters = await ring.dead()
        assert {reason for _, reason, _ in letters} == {"retries_exhausted"}
        assert all(f".{stuck[1]}." in subject for subject, _, _ in letters)


async def test_poison_holds_up_nobody(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:

        async def poison() -> None:
            jetstream = ring.client.jetstream()
            for number in range(40):
                gateway, sensor = ring.random.choice(ring.sensors)
                subject = f"ferry.v1.gateways.{gateway}.sensors.{sensor}.series"
                bad = [
                    (subject, b"{"),
                    (subject, b'{"value":null,"time":1}'),
                    (subject.replace(gateway, "nobody"), b'{"value":"1","time":1}'),
                    (subject + ".more", b"1"),
                ]
                await jetstream.publish(*bad[number % len(bad)])
                await asyncio.sleep(0.02)

        await publish_while(ring, poison(), per_sensor=200)
        reasons = [reason for _, reason, _ in await ring.dead()]
        assert {name: reasons.count(name) for name in set(reasons)} == {
            "invalid_body": 10,
            "invalid_value": 10,
            "unknown_sensor": 10,
            "invalid_subject": 10,
        }


async def leader(ring, stream="FERRY_READINGS"):
    """The node that leads the stream, once there is one."""

    async def known():
        try:
            info = await ring.client.jetstream(timeout=1).stream_info(stream)
        except (TimeoutError, nats.errors.Error, nats.js.errors.Error):
            return None
        return info.cluster.leader if info.cluster else None

    name = await eventually(known, within_s=30, what=f"a leader of {stream}")
    return await ring.bus.node_of(name)


async def flowing(ring):
    """Readings are acknowledged again, ten for each sensor."""
    enough = ring.publisher.ledger.count + 10 * len(ring.sensors)

    async def more():
        return ring.publisher.ledger.count >= enough

    await eventually(more, within_s=30, what="acknowledged readings")


@pytest.mark.parametrize("victim", ["stream leader", "any node"])
async def test_a_node_of_a_cluster_killed_and_back(tmp_path, victim):
    async with arena(tmp_path, seed=SEED, clustered=True, gateways=4) as ring:
        assert isinstance(ring.bus, Cluster)
        nodes = ring.bus.nodes

        async def kill() -> None:
            for _ in range(max(1, ROUNDS // 3)):
                await flowing(ring)
                node = await leader(ring) if victim == "stream leader" else ring.random.choice(nodes)
                await node.process.kill()
                await flowing(ring)
                await node.restart()
                await flowing(ring)

        await publish_while(ring, kill(), per_sensor=4000)


async def test_a_node_of_a_cluster_back_with_an_empty_disk(tmp_path):
    async with arena(tmp_path, seed=SEED, clustered=True, gateways=4) as ring:

        async def wipe() -> None:
            await asyncio.sleep(0.5)
            node = await leader(ring)
            await node.process.kill()
            await asyncio.to_thread(shutil.rmtree, node.folder / node.name)
            await asyncio.sleep(1)
            await node.restart()
            await asyncio.sleep(1)

        await publish_while(ring, wipe(), per_sensor=400)


async def test_a_blackhole_is_bounded_by_the_time_out(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1, FERRY_THINGPLUS__ANSWER_S="0.5") as ring:

        async def swallow() -> None:
            await asyncio.sleep(0.3)
            await ring.sandbox.fault(match={"path": "*/series", "method": "PUT"}, kind="blackhole")
            await asyncio.sleep(2)
            await ring.sandbox.heal()

        await publish_while(ring, swallow(), per_sensor=400)
        assert await ring.dead() == []


async def test_a_full_stream_tells_its_publishers_and_keeps_what_it_took(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1, lay={"readings_max_bytes": 16 * 1024}) as ring:

        async def fill() -> None:
            await ring.sandbox.fault(match={"path": "*/series", "method": "PUT"}, kind="status", status=503)

            async def full():
                try:
                    await ring.client.jetstream(timeout=1).publish(
                        "ferry.v1.gateways.gateway-0.status", b"{}"
                    )
                except nats.js.errors.APIError:
                    return True
                return False

            await eventually(full, within_s=20, what="a full stream that says so")
            await ring.sandbox.heal()

        await publish_while(ring, fill(), per_sensor=200)
