"""One contract for the store in memory and the bucket on a real server; and records that nobody can read."""

import json
import os

import pytest
from opentelemetry.metrics import NoOpMeter
from otosense_fakes import MemoryStore
from structlog.testing import capture_logs

from ferry.contract import subjects, topology
from ferry.contract.otosense import GetSensor, ListSensors, Sensor, SensorList
from ferry.contract.problems import ProblemError
from ferry.otosense.bus.bucket import Bucket
from ferry.otosense.sensors.records import Claim, ConflictError, Record
from ferry.runtime.requests import ask
from ferry.runtime.unreadable import UnreadableRecords


def record(sensor_id="S1", stage="waiting", **more):
    sensor = Sensor(
        sensor_id=sensor_id,
        provisioned="2020-08-18T18:43:35.713Z",
        provisioned_by="key",
        stage=stage,
        next_step="wait",
        claimed_at=1,
    )
    return Record(sensor=sensor, fingerprint="f1", **more)


@pytest.fixture(params=["memory", "bucket"])
async def store(request, bus):
    if request.param == "memory":
        yield MemoryStore()
        return
    client = await bus.as_user("otosense")
    yield Bucket(client.jetstream(), UnreadableRecords(NoOpMeter("test"), "ferry-otosense"))
    await client.close()


async def test_what_was_written_is_read_with_its_revision(store):
    assert (await store.read("S1")).revision == 0
    revision = await store.write(record(), 0)
    stored = await store.read("S1")
    assert (stored.record, stored.revision, stored.unreadable) == (record(), revision, False)
    later = await store.write(record(told=True), revision)
    assert later > revision
    assert (await store.read("S1")).record.told


async def test_another_revision_is_a_conflict(store):
    revision = await store.write(record(), 0)
    for wrong in (0, revision + 7):
        with pytest.raises(ConflictError):
            await store.write(record(told=True), wrong)
        with pytest.raises(ConflictError):
            await store.delete("S1", wrong)
    assert (await store.read("S1")).record == record()


async def test_what_was_deleted_is_written_again_over_its_revision(store):
    await store.delete("S1", await store.write(record(), 0))
    stored = await store.read("S1")
    assert stored.record is None
    assert stored.revision > 0
    assert not stored.unreadable
    with pytest.raises(ConflictError):
        await store.write(record(), 0)
    await store.write(record(), stored.revision)
    assert (await store.read("S1")).record == record()


async def test_sensors_are_listed_in_order_and_claims_apart(store):
    assert await store.sensors() == []
    for name in ("S2", "S10", "S1"):
        await store.write(record(name), 0)
    await store.write_claim("f1", Claim(at=1, candidate="S1"))
    assert await store.sensors() == ["S1", "S10", "S2"]
    assert await store.claims() == ["f1"]
    assert await store.read_claim("f1") == Claim(at=1, candidate="S1")
    await store.write_claim("f1", Claim(at=2))
    assert await store.read_claim("f1") == Claim(at=2)
    await store.delete_claim("f1")
    assert await store.read_claim("f1") is None
    assert await store.read_claim("f2") is None


GOOD = json.loads(record("BAD").model_dump_json(exclude_none=True))
UNREADABLE = {
    "nothing": b"",
    "NUL": b"\x00\x00\x00",
    "not JSON": b"forged by somebody",
    "not UTF-8": b"\xff\xfe{}",
    "null": b"null",
    "a list": json.dumps([GOOD]).encode(),
    "nested": b"[" * 50_000,
    "huge": os.urandom(32_000).hex().encode(),
    "an auth's answer": b'{"type":"urn:ferry:problem:internal","title":"x","status":500}',
    "another's key": json.dumps({**GOOD, "sensor": {**GOOD["sensor"], "sensorId": "OTHER"}}).encode(),
    "an unsafe id": json.dumps({**GOOD, "sensor": {**GOOD["sensor"], "sensorId": "a b"}}).encode(),
    "a later stage": json.dumps({**GOOD, "sensor": {**GOOD["sensor"], "stage": "hibernating"}}).encode(),
    "wrong types": json.dumps({**GOOD, "told": {}, "fingerprint": 7}).encode(),
    "a field missing": json.dumps({"fingerprint": "f1"}).encode(),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_record_ends_nothing_and_is_logged_with_its_key(
    bus, nats_client, auth, start, provision, body
):
    """Otosense ended at every start."""
    import certificates

    jetstream = nats_client.jetstream()
    prefix = f"$KV.{topology.OTOSENSE.name}"
    await jetstream.publish(f"{prefix}.sensors.BAD", body)
    await jetstream.publish(f"{prefix}.claims.badf1ngerpr1nt", body)
    await jetstream.publish(f"{subjects.OTOSENSE_FOLLOW}.BAD", b"")
    with capture_logs() as lines:
        async with start():
            assert (await provision(certificates.self_signed("0000S111A"))).stage == "waiting"
            listed = await ask(nats_client, subjects.OTOSENSE_SENSORS_LIST, ListSensors(), SensorList)
            assert [one.sensor_id for one in listed.items] == ["0000S111A"]
            with pytest.raises(ProblemError) as refused:
                await ask(nats_client, subjects.OTOSENSE_SENSORS_GET, GetSensor(sensor_id="BAD"), Sensor)
            assert refused.value.problem.type.endswith("record-unreadable")
            assert "ferry otosense forget BAD" in str(refused.value.problem.hint)
            assert (await provision(certificates.self_signed("BAD"))).stage == "waiting"
            listed = await ask(nats_client, subjects.OTOSENSE_SENSORS_LIST, ListSensors(), SensorList)
            assert [one.sensor_id for one in listed.items] == ["0000S111A", "BAD"]
    keys = [line["key"] for line in lines if line["event"] == "record.unreadable"]
    assert keys.count("sensors.BAD") == 1
    assert keys.count("claims.badf1ngerpr1nt") == 1


async def test_a_key_that_is_no_id_is_skipped_and_escaped(bus, nats_client, auth, start):
    jetstream = nats_client.jetstream()
    prefix = f"$KV.{topology.OTOSENSE.name}"
    for key in ("sensors.a.b", "sensors.\x1b[31mred", "claims.é", f"sensors.{'x' * 300}"):
        await jetstream.publish(f"{prefix}.{key}", b"{}")
    with capture_logs() as lines:
        async with start():
            listed = await ask(nats_client, subjects.OTOSENSE_SENSORS_LIST, ListSensors(), SensorList)
            assert listed.items == []
    keys = [line["key"] for line in lines if line["event"] == "record.unreadable"]
    assert len(keys) >= 3
    assert all(key.isprintable() and key.isascii() for key in keys)


async def test_a_page_fits_into_a_message_however_long_the_stories(bus, nats_client, auth, start):
    story = [{"at": 1, "what": "w" * 290}] * 40
    jetstream = nats_client.jetstream()
    for number in range(120):
        long = json.loads(record(f"S{number:03}", "silent", told=True).model_dump_json(exclude_none=True))
        long["sensor"]["story"] = story
        await jetstream.publish(
            f"$KV.{topology.OTOSENSE.name}.sensors.S{number:03}", json.dumps(long).encode()
        )
    found, after, pages = [], None, 0
    async with start():
        while True:
            request = ListSensors(after=after, limit=500)
            page = await ask(nats_client, subjects.OTOSENSE_SENSORS_LIST, request, SensorList)
            found += [one.sensor_id for one in page.items]
            pages += 1
            if page.next is None:
                break
            after = page.next
    assert found == [f"S{number:03}" for number in range(120)]
    assert pages > 1
