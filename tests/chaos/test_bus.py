"""The bus fails: servers killed, disks empty or full, acknowledgements that never come."""

import asyncio
import shutil
import signal

import nats.errors
import nats.js.errors

from chaos.arena import arena
from chaos.ledger import START_MS
from chaos.run import ROUNDS, SEED, publish_while
from ferry.contract import topology
from harness.bus import Bus, Cluster
from harness.processes import eventually

STREAM = topology.READINGS.name


async def test_nats_killed_and_back_on_the_same_files(tmp_path):
    async with arena(tmp_path, seed=SEED) as ring:

        async def kill() -> None:
            for _ in range(ROUNDS):
                await asyncio.sleep(0.5)
                assert isinstance(ring.bus, Bus)
                await ring.bus.process.kill()
                await ring.bus.restart()

        await publish_while(ring, kill(), per_sensor=200)


async def leader(ring, of):
    """The node that leads the stream, or the consumer of its first gateway's partition, once there is one."""

    async def known():
        jetstream = ring.client.jetstream(timeout=1)
        try:
            info = await jetstream.stream_info(STREAM)
            if of == "consumer":
                info = max(
                    await jetstream.consumers_info(STREAM), key=lambda each: each.delivered.consumer_seq
                )
        except (TimeoutError, nats.errors.Error, nats.js.errors.Error):
            return None
        return info.cluster.leader if info.cluster else None

    name = await eventually(known, within_s=30, what=f"a leader of the {of}")
    return await ring.bus.node_of(name)


async def flowing(ring):
    """Readings are acknowledged again, ten for each sensor."""
    enough = ring.publisher.ledger.count + 10 * len(ring.sensors)

    async def more():
        return ring.publisher.ledger.count >= enough

    await eventually(more, within_s=30, what="acknowledged readings")


async def test_nodes_of_a_cluster_killed_and_back(tmp_path):
    async with arena(tmp_path, seed=SEED, clustered=True, gateways=4) as ring:
        assert isinstance(ring.bus, Cluster)
        nodes = ring.bus.nodes

        async def kill() -> None:
            for _ in range(max(1, ROUNDS // 3)):
                for victim in ring.random.sample(("stream", "consumer", "any node"), 3):
                    await flowing(ring)
                    node = ring.random.choice(nodes) if victim == "any node" else await leader(ring, victim)
                    print(f"{victim}: {node.name}")
                    await node.process.kill()
                    await flowing(ring)
                    await node.restart()
                    await flowing(ring)

        await publish_while(ring, kill(), per_sensor=100_000)


async def test_a_node_of_a_cluster_back_with_an_empty_disk(tmp_path):
    async with arena(tmp_path, seed=SEED, clustered=True, gateways=4) as ring:

        async def wipe() -> None:
            await asyncio.sleep(0.5)
            node = await leader(ring, "stream")
            await node.process.kill()
            await asyncio.to_thread(shutil.rmtree, node.folder / node.name)
            await asyncio.sleep(1)
            await node.restart()
            await asyncio.sleep(1)

        await publish_while(ring, wipe(), per_sensor=400)


async def test_a_full_stream_tells_its_publishers_and_keeps_what_it_took(tmp_path):
    lay = {"readings_max_bytes": topology.MAX_BODY}
    async with arena(tmp_path, seed=SEED, replicas=1, lay=lay) as ring:
        large = ring.sensors[0]
        ring.publisher.retired.add(large)

        async def fill() -> None:
            await ring.sandbox.fault(match={"path": "*/series", "method": "PUT"}, kind="status", status=503)
            await ring.publisher.publish(large, START_MS, "1" * (topology.MAX_BODY - 20_000))

            async def full():
                try:
                    # larger than a reading: what fits into the last bytes is taken, and leaves as a dead letter
                    body = b"{}".ljust(1000)
                    await ring.publish_bad("ferry.v1.gateways.gateway-0.status", body, "invalid_body")
                except nats.js.errors.APIError:
                    return True
                return False

            await eventually(full, within_s=20, what="a full stream that says so")
            await ring.sandbox.heal()

        await publish_while(ring, fill(), per_sensor=200)


async def test_a_publisher_that_hears_nothing_publishes_again_and_again(tmp_path):
    async with arena(tmp_path, seed=SEED, ack_s=0.3) as ring:
        ring.publisher.late_share = 0.1

        async def silence() -> None:
            for _ in range(ROUNDS):
                await flowing(ring)
                assert isinstance(ring.bus, Bus)
                ring.bus.process.send(signal.SIGSTOP)
                await asyncio.sleep(1)
                ring.bus.process.send(signal.SIGCONT)
            await flowing(ring)

        ledger = await publish_while(ring, silence(), per_sensor=4000)
        stored = (await ring.client.jetstream().stream_info("FERRY_READINGS")).state.last_seq
        assert stored > ledger.messages + ledger.status_messages + len(
            ring.sensors
        )  # the stream took many of them twice
        assert await ring.dead() == []
