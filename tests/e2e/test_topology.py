"""The topology's job: it makes, compares and migrates, on a real server and with its own permissions."""

import asyncio
import json
import signal
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from nats.js.api import StorageType

from chaos.arena import arena
from ferry.client.topology import RefusedError, TopologySettings, apply, differences
from ferry.contract import topology
from harness.bus import bus as a_bus
from harness.processes import Process, eventually

READINGS = topology.READINGS.name
SUBJECT = "ferry.v1.gateways.gateway-0.sensors.s1.series"
BODY = b'{"value":"1","time":1}'


@pytest.fixture
async def empty_bus(tmp_path):
    """A server without a stream."""
    async with a_bus(tmp_path / "bus") as running:
        yield running
        assert running.denials() == []


async def start(bus, *arguments, **env):
    number = len(list(bus.folder.glob("topology-*")))
    seen = {**bus.env("topology"), **env}
    return await Process.fork(f"topology-{number}", "ferry.client", bus.folder, seen, "topology", *arguments)


async def job_ends(bus, *arguments, **env):
    """Exit code and output."""
    job = await start(bus, *arguments, **env)
    code = await asyncio.wait_for(job.child.wait(), 60)
    return code, job.text()


@asynccontextmanager
async def as_topology(bus):
    client = await bus.as_user("topology")
    yield client.jetstream(timeout=10)
    await client.close()


async def migrate(bus, **settings):
    """What the job does, in this process: the lines that it says. Raises RefusedError."""
    said: list[str] = []
    async with as_topology(bus) as jetstream:
        await apply(jetstream, TopologySettings(**settings), said.append)
    return said


async def differing(bus, **settings):
    async with as_topology(bus) as jetstream:
        found = await differences(jetstream, TopologySettings(**settings))
    return [str(change) for change in found]


async def test_the_jobs_exit_codes_and_words(empty_bus):
    code, said = await job_ends(empty_bus, "--check")
    assert code == 1
    assert said.count("is missing") == len(topology.STREAMS + topology.BUCKETS) + len(topology.CONSUMERS)
    code, said = await job_ends(empty_bus, FERRY_REPLICAS="3")
    assert code == 1
    assert "the server refuses: replicas > 1 not supported in non-clustered mode" in said
    assert (await job_ends(empty_bus))[0] == 0
    assert await differing(empty_bus) == []
    code, said = await job_ends(empty_bus, "--check", "--json")
    assert (code, json.loads(said)) == (0, {"changed": False, "changes": []})


WRONG = [
    (("--partitions", "x"), {}, "FERRY_PARTITIONS (--partitions) cannot be used"),
    (("--replicas", "9"), {}, "FERRY_REPLICAS"),
    ((), {"FERRY_DRAIN_S": "nan"}, "FERRY_DRAIN_S"),
    ((), {"FERRY_READINGS_MAX_BYTES": "1"}, "FERRY_READINGS_MAX_BYTES"),
    ((), {"FERRY_SECRETS_DIR": "/absent"}, "FERRY_SECRETS_DIR names no folder"),
    ((), {"FERRY_NATS__TLS_CA_FILE": "/absent"}, "the CA file /absent cannot be read"),
]


async def test_wrong_settings_are_another_exit_code_than_a_server_that_is_away(tmp_path):
    async def ends(number, arguments, env):
        seen = {"FERRY_NATS__URL": "nats://127.0.0.1:1", **env}
        name = f"topology-{number}"
        job = await Process.fork(name, "ferry.client", tmp_path, seen, "topology", *arguments)
        code = await asyncio.wait_for(job.child.wait(), 60)
        assert "Traceback" not in job.text()
        return code, job.text()

    runs = [((), {}), *((arguments, env) for arguments, env, _ in WRONG)]
    ended = await asyncio.gather(*(ends(number, *one) for number, one in enumerate(runs)))
    assert (ended[0][0], "no connection to NATS" in ended[0][1]) == (1, True)
    for (code, said), (_, _, words) in zip(ended[1:], WRONG, strict=True):
        assert (code, words in said) == (2, True), said


async def test_a_user_who_may_not_is_told_at_once_which_right_is_missing(tmp_path):
    async with a_bus(tmp_path / "bus") as bus:  # of its own: the others' must deny nothing
        await bus.lay()
        said = await Process.fork("denied", "ferry.client", bus.folder, bus.env("telemetry"), "topology")
        assert await asyncio.wait_for(said.child.wait(), 8) == 1
        assert "user 'telemetry' may not publish to $JS.API.STREAM.INFO.FERRY_EVENTS" in said.text()


async def test_a_changed_limit_is_said_and_updated_in_place(bus, nats_client, publisher):
    await publisher.jetstream().publish(SUBJECT, BODY)
    smaller = 4 * topology.MIB
    assert await differing(bus, readings_max_bytes=smaller) == [
        "FERRY_READINGS: max_bytes is 2147483648, should be 4194304"
    ]
    assert (
        await nats_client.jetstream().stream_info(READINGS)
    ).config.max_bytes == topology.READINGS.max_bytes
    await migrate(bus, readings_max_bytes=smaller)
    info = await nats_client.jetstream().stream_info(READINGS)
    assert (info.config.max_bytes, info.state.messages) == (smaller, 1)


async def test_what_somebody_altered_by_hand_is_set_right(bus, nats_client):
    jetstream = nats_client.jetstream()
    follower = topology.OTOSENSE_FOLLOWER
    config = (await jetstream.consumer_info(follower.stream, follower.name)).config
    await jetstream.add_consumer(follower.stream, replace(config, max_ack_pending=7))
    registry = (await jetstream.stream_info("KV_ferry-registry")).config
    await jetstream.update_stream(replace(registry, allow_rollup_hdrs=True))
    said = " ".join(await migrate(bus))
    assert "max_ack_pending is 7, should be -1" in said
    assert "allow_rollup_hdrs is True, should be False" in said
    assert await differing(bus) == []


async def test_what_would_lose_messages_is_refused_before_anything_is_touched(bus, nats_client, publisher):
    for moment in range(4):
        await publisher.jetstream().publish(SUBJECT, b" " * 200_000 + b"%d" % moment)
    jetstream = nats_client.jetstream()
    dead = (await jetstream.stream_info("FERRY_DEAD")).config
    await jetstream.update_stream(replace(dead, max_age=0, max_bytes=dead.max_bytes + 1))
    await jetstream.publish("ferry.v1.dead.refused.g.s", BODY)
    with pytest.raises(RefusedError, match="more than the new max_bytes: let it drain first"):
        await migrate(bus, readings_max_bytes=topology.MAX_BODY)
    with pytest.raises(RefusedError, match="FERRY_DEAD: a shorter max_age deletes older messages"):
        await migrate(bus)
    assert (await jetstream.stream_info("FERRY_DEAD")).config.max_bytes == dead.max_bytes + 1
    assert (await jetstream.stream_info(READINGS)).state.messages == 4


async def test_what_a_stream_can_never_become_is_refused_with_what_to_do(bus, nats_client):
    jetstream = nats_client.jetstream()
    name = topology.OTOSENSE_FOLLOW.name
    config = (await jetstream.stream_info(name)).config
    await jetstream.delete_stream(name)
    await jetstream.add_stream(replace(config, storage=StorageType.MEMORY))
    with pytest.raises(
        RefusedError, match=f"{name}: storage of a stream cannot be changed.*delete it by hand"
    ):
        await migrate(bus)


async def is_closed(jetstream):
    return (await jetstream.stream_info(READINGS)).config.max_bytes == 1


async def test_partitions_stay_when_what_lies_there_is_not_worked_off(bus, nats_client, publisher):
    await publisher.jetstream().publish(SUBJECT, BODY)
    jetstream = nats_client.jetstream()
    before = await jetstream.stream_info(READINGS)
    with pytest.raises(RefusedError, match=r"1 messages were not drained within 0.3 s"):
        await migrate(bus, partitions=8, drain_s=0.3)
    job = await start(bus, FERRY_PARTITIONS="8")
    await eventually(lambda: is_closed(jetstream), what="a stream closed to publishers")
    assert await job.stop(signal.SIGTERM) == 1
    after = await jetstream.stream_info(READINGS)
    assert (after.config, after.state) == (before.config, before.state)
    job = await start(bus, FERRY_PARTITIONS="8")
    await eventually(lambda: is_closed(jetstream), what="a stream closed to publishers")
    await job.kill()
    assert "max_bytes is 1, should be" in (await differing(bus))[0]
    await migrate(bus)
    await publisher.jetstream().publish(SUBJECT, BODY)


async def test_partitions_change_under_load_and_nothing_is_lost_or_reordered(tmp_path):
    """From 6 to 4, half of the gateways move to another live partition, while an outage leaves much to work off."""
    async with arena(tmp_path, seed=8, replicas=2, gateways=8, sensors=2, lay={"partitions": 6}) as ring:
        await ring.sandbox.fault(match={"path": "*/series", "method": "PUT"}, kind="status", status=503)
        publishing = asyncio.create_task(ring.publisher.run(40, 0.05))

        async def begun():
            return ring.publisher.ledger.count > 100

        await eventually(begun, what="readings that wait")
        migrating = asyncio.create_task(migrate(ring.bus, partitions=4))
        await asyncio.wait({publishing}, timeout=1.5)  # newer readings, in vain until the migration is over
        await ring.sandbox.heal()
        assert "restart every replica of telemetry" in (await migrating)[-1]
        for replica in list(ring.replicas):
            await ring.stop_replica(replica)
            await ring.add_replica()
        ledger = await publishing
        await ring.drained()
        assert (await ring.judge(ledger)).bad == []
        assert ledger.count == 40 * len(ring.sensors)
