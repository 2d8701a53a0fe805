"""A publisher that knows only the subject, a real bus, real services, and what the cloud then has."""

import asyncio
import json
import time

import pytest

from harness.processes import eventually
from harness.services import lay_fleet

QUICK = {
    "FERRY_TELEMETRY__UNKNOWN_GRACE_S": "1",
    "FERRY_TELEMETRY__EARLIEST_TIME_MS": "0",
    "FERRY_TELEMETRY__RETRY_BASE_S": "0.05",
    "FERRY_TELEMETRY__RETRY_CAP_S": "0.5",
}


@pytest.fixture
async def telemetry(suite):
    return (await asyncio.gather(suite.start("telemetry", QUICK), suite.start("auth")))[0]


@pytest.fixture
async def sensor(suite, telemetry):
    return (await lay_fleet(suite.bus, suite.sandbox, 1, 1))[0]


async def publish(client, sensor, body, kind="series"):
    subject = f"ferry.v1.gateways.{sensor[0]}.sensors.{sensor[1]}.{kind}"
    await client.jetstream().publish(subject, body if isinstance(body, bytes) else json.dumps(body).encode())


async def arrived(sandbox, sensor, count):
    async def enough():
        points = await sandbox.series(*sensor)
        return points if len(points) >= count else None

    return await eventually(enough, what=f"{count} points of {sensor}")


async def dead_reasons(client, count):
    async def enough():
        state = (await client.jetstream().stream_info("FERRY_DEAD")).state
        return state.messages >= count

    await eventually(enough, what=f"{count} dead letters")
    letters = [await client.jetstream().get_msg("FERRY_DEAD", seq=seq) for seq in range(1, count + 1)]
    return [letter.headers["Ferry-Reason"] for letter in letters]


async def empty(client):
    async def gone():
        return (await client.jetstream().stream_info("FERRY_READINGS")).state.messages == 0

    await eventually(gone, what="an empty stream")


async def test_a_reading_is_at_the_cloud_within_a_second(sandbox, nats_client, publisher, sensor):
    await publish(publisher, sensor, {"value": "36.5", "time": 1495715734508})
    await arrived(sandbox, sensor, 1)  # the first one also fetches a token and looks the sensor up
    before = time.monotonic()
    await publish(publisher, sensor, {"value": 36.6, "time": 1495715734509})
    points = await arrived(sandbox, sensor, 2)
    assert time.monotonic() - before < 1
    assert [(point["time"], point["value"]) for point in points] == [
        (1495715734508, "36.5"),
        (1495715734509, "36.6"),
    ]
    await empty(nats_client)


async def test_a_reading_without_a_time_takes_the_moment_of_the_bus(sandbox, publisher, sensor):
    before = time.time() * 1000
    await publish(publisher, sensor, {"value": "1"})
    await publish(publisher, sensor, [{"value": "2"}, {"value": "3"}])
    points = await arrived(sandbox, sensor, 3)
    assert [point["value"] for point in points] == ["1", "2", "3"]
    assert all(before - 1000 < point["time"] < before + 10_000 for point in points)


async def test_what_no_cloud_can_take_is_a_dead_letter_with_its_reason(
    sandbox, nats_client, publisher, sensor
):
    gateway, _ = sensor
    await publish(publisher, sensor, b"not json")
    assert await dead_reasons(nats_client, 1) == ["invalid_body"]
    await publish(publisher, sensor, {"value": True, "time": 1})
    await dead_reasons(nats_client, 2)
    await publish(publisher, (gateway, "nobody"), {"value": "1", "time": 1})
    await dead_reasons(nats_client, 3)
    await publisher.jetstream().publish(f"ferry.v1.gateways.{gateway}.nonsense", b"1")
    reasons = await dead_reasons(nats_client, 4)
    assert reasons[1:] == ["invalid_value", "unknown_sensor", "invalid_subject"]
    letter = await nats_client.jetstream().get_msg("FERRY_DEAD", seq=1)
    assert letter.data == b"not json"
    assert letter.headers["Ferry-Subject"] == f"ferry.v1.gateways.{gateway}.sensors.{sensor[1]}.series"
    await publish(publisher, sensor, {"value": "5", "time": 2000})
    await arrived(sandbox, sensor, 1)
    await empty(nats_client)


async def test_a_time_in_the_past_is_compared_before_it_is_called_one(
    sandbox, nats_client, publisher, sensor
):
    for time_ms, value in ((1000, "1"), (2000, "2")):
        await publish(publisher, sensor, {"value": value, "time": time_ms})
        await arrived(sandbox, sensor, time_ms // 1000)
    await publish(publisher, sensor, {"value": "1", "time": 1000})  # the same again: a publisher's retry
    await publish(publisher, sensor, {"value": "other", "time": 1000})
    await publish(publisher, sensor, {"value": "late", "time": 1500})
    assert await dead_reasons(nats_client, 2) == ["out_of_order", "out_of_order"]
    await empty(nats_client)
    assert len(await sandbox.series(*sensor)) == 2


async def test_a_bad_reading_in_an_array_is_alone_in_the_dead_letters(
    sandbox, nats_client, publisher, sensor
):
    await publish(
        publisher, sensor, [{"value": "1", "time": 1}, {"value": {}, "time": 2}, {"value": "3", "time": 3}]
    )
    points = await arrived(sandbox, sensor, 2)
    assert [point["value"] for point in points] in (["1", "3"], ["1", {}, "3"])
    await empty(nats_client)


async def test_status_is_sent_and_the_latest_wins(sandbox, nats_client, publisher, sensor):
    gateway, _ = sensor
    await publisher.jetstream().publish(
        f"ferry.v1.gateways.{gateway}.status", b'{"value":"on","validDuration":450}'
    )
    await publish(publisher, sensor, {"value": "err"}, "status")
    await empty(nats_client)
    counters = await sandbox.get("/admin/requests", limit="50")
    puts = [request for request in counters if request["method"] == "PUT"]
    assert sum(request["path"].endswith("/status") for request in puts) == 2


async def test_an_ambiguous_failure_is_neither_lost_nor_dead(sandbox, nats_client, publisher, sensor):
    await sandbox.fault(match={"path": "*/series", "method": "PUT"}, kind="reset_after", for_requests=1)
    await publish(publisher, sensor, {"value": "1", "time": 1000})
    await empty(nats_client)
    assert [point["value"] for point in await sandbox.series(*sensor)] == ["1"]
    assert (await nats_client.jetstream().stream_info("FERRY_DEAD")).state.messages == 0


async def test_a_revoked_token_is_replaced_without_loss(sandbox, nats_client, publisher, sensor):
    await publish(publisher, sensor, {"value": "1", "time": 1000})
    await arrived(sandbox, sensor, 1)
    await sandbox.post("/admin/revoke")
    await publish(publisher, sensor, {"value": "2", "time": 2000})
    await arrived(sandbox, sensor, 2)
    await empty(nats_client)


async def test_a_long_array_that_was_committed_and_dropped_is_found_whole(
    sandbox, nats_client, publisher, sensor
):
    await sandbox.fault(match={"path": "*/series", "method": "PUT"}, kind="reset_after", for_requests=1)
    await publish(publisher, sensor, [{"value": str(number), "time": 1000 + number} for number in range(450)])
    await empty(nats_client)
    assert len(await sandbox.series(*sensor)) == 450
    assert (await nats_client.jetstream().stream_info("FERRY_DEAD")).state.messages == 0


@pytest.mark.parametrize("count", [2, 20], ids=["nothing follows it", "others follow it"])
async def test_a_delivery_that_was_lost_on_the_way_is_overtaken_by_nothing(
    sandbox, nats_client, publisher, sensor, count
):
    """As when a consumer's leader dies: the server has counted a delivery that telemetry never saw."""
    await publish(publisher, sensor, {"value": "0", "time": 1000})
    await arrived(sandbox, sensor, 1)
    jetstream = nats_client.jetstream()
    stored = await jetstream.stream_info("FERRY_READINGS")
    assert stored.state.messages == 0
    stolen = await nats_client.subscribe("stolen.*")
    for info in await jetstream.consumers_info("FERRY_READINGS"):
        subject = f"$JS.API.CONSUMER.MSG.NEXT.FERRY_READINGS.{info.name}"
        await nats_client.publish(subject, b'{"batch":1,"expires":5000000000}', reply="stolen.1")
    await nats_client.flush()
    for number in range(1, 1 + count):
        await publish(publisher, sensor, {"value": str(number), "time": 1000 + number})
    await stolen.next_msg(timeout=5)  # the second of them: telemetry's pull was there first
    points = await arrived(sandbox, sensor, 1 + count)
    assert [point["value"] for point in points] == [str(number) for number in range(1 + count)]
    assert (await jetstream.stream_info("FERRY_DEAD")).state.messages == 0


async def test_a_delivery_lost_from_a_lease_made_anew_is_overtaken_by_nothing(
    sandbox, nats_client, publisher, sensor
):
    """The new consumer counts its deliveries from 1 again: what the old one had counted says nothing of them."""
    for number in range(5):
        await publish(publisher, sensor, {"value": str(number), "time": 1000 + number})
    await arrived(sandbox, sensor, 5)
    jetstream = nats_client.jetstream()
    stolen = await nats_client.subscribe("stolen.*")
    for info in await jetstream.consumers_info("FERRY_READINGS"):
        await jetstream.delete_consumer("FERRY_READINGS", info.name)
        await jetstream.add_consumer("FERRY_READINGS", info.config)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.FERRY_READINGS.{info.name}"
        await nats_client.publish(subject, b'{"batch":1,"expires":5000000000}', reply="stolen.1")
    await nats_client.flush()
    for number in range(5, 25):
        await publish(publisher, sensor, {"value": str(number), "time": 1000 + number})
    await stolen.next_msg(timeout=5)
    points = await arrived(sandbox, sensor, 25)
    assert [point["value"] for point in points] == [str(number) for number in range(25)]
    assert (await jetstream.stream_info("FERRY_DEAD")).state.messages == 0


async def test_a_consumer_that_its_replica_knows_nothing_of_is_given_up(
    suite, sandbox, nats_client, publisher, sensor
):
    """As when a take was done and never answered: the partition's owner waits for a replica that lives."""
    await suite.start("telemetry", QUICK)
    jetstream = nats_client.jetstream()

    async def owners():
        return {info.name.split("-", 2)[2] for info in await jetstream.consumers_info("FERRY_READINGS")}

    async def shared():
        return len(await jetstream.consumers_info("FERRY_READINGS")) == 32 + 1 and len(await owners()) == 2

    await eventually(shared, what="partitions that two replicas share")
    await publish(publisher, sensor, {"value": "1", "time": 1000})
    await arrived(sandbox, sensor, 1)
    consumers = await jetstream.consumers_info("FERRY_READINGS")
    owned = max(consumers, key=lambda info: info.delivered.consumer_seq)
    _, partition, owner = owned.name.split("-", 2)
    stray = f"telemetry-{partition}-{(await owners() - {owner}).pop()}"
    await jetstream.delete_consumer("FERRY_READINGS", owned.name)
    await jetstream.add_consumer("FERRY_READINGS", owned.config.evolve(name=stray, durable_name=stray))
    await publish(publisher, sensor, {"value": "2", "time": 2000})
    await arrived(sandbox, sensor, 2)
