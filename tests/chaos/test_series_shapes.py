"""What nobody heard of is read back, in each shape that a cloud may show: no good reading is a dead letter."""

from itertools import product

from chaos.arena import arena
from chaos.run import ROUNDS, SEED, publish_while
from harness.processes import eventually

SHORT = [
    {"shape": "sensor", "values": "stored", "times": "documented"},
    {"shape": "pairs", "values": "number", "times": "string"},
    {"shape": "leaf", "values": "number", "times": "number"},
]
LONG = [
    {"shape": shape, "values": values, "times": times}
    for shape, values, times in product(
        ("sensor", "pairs", "leaf"), ("stored", "number"), ("documented", "string", "number")
    )
]
FORMATS = SHORT if ROUNDS <= 3 else LONG
PUTS = {"path": "*/series", "method": "PUT"}


async def sent_again(ring, more_than):
    """Points were refused as past ones because the cloud had them: they were read back."""

    async def again():
        return (await ring.tally()).again > more_than

    await eventually(again, within_s=30, what="points that were sent again")


async def decided(ring):
    """Everything published so far was acked: no read-back waits for the next shape."""
    jetstream = ring.client.jetstream()
    last = (await jetstream.stream_info("FERRY_READINGS")).state.last_seq

    async def acked():
        return (await jetstream.stream_info("FERRY_READINGS")).state.first_seq > last

    await eventually(acked, within_s=30, what="an ack of everything published so far")


async def commit_then_drop(ring):
    before = (await ring.tally()).again
    await ring.sandbox.fault(match=PUTS, kind="reset_after", rate=0.5, seed=SEED)
    await sent_again(ring, before)
    await ring.sandbox.heal()
    await decided(ring)


async def kill_the_last(ring):
    """With answers that never come: what the killed replica had sent is committed, and nobody knows."""
    before = (await ring.tally()).again
    await ring.sandbox.fault(match=PUTS, kind="blackhole", commit=True)

    async def committed():
        (fault,) = await ring.sandbox.get("/admin/faults")
        return fault["hits"] > 0

    await eventually(committed, within_s=30, what="a PUT that is committed and unanswered")
    await ring.kill_replica(ring.replicas[0])
    await ring.sandbox.heal()
    await ring.add_replica()
    await sent_again(ring, before)
    await decided(ring)


async def test_commit_then_drop_and_the_last_replica_killed_in_every_shape(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1, gateways=4, sensors=2) as ring:

        async def suffer() -> None:
            for how in FORMATS:
                await ring.sandbox.post("/admin/series-format", how)
                await commit_then_drop(ring)
                await kill_the_last(ring)
                assert await ring.dead() == [], how

        await publish_while(ring, suffer(), per_sensor=100_000)
        assert await ring.dead() == []
