"""What the registry's bucket proves: a missing sensor is unknown only in a bucket that was filled."""

from types import SimpleNamespace

import pytest
from nats.js.errors import NotFoundError

from ferry.contract import registry, topology
from ferry.telemetry.registration.bucket import RegistryBucket
from ferry.telemetry.registration.ports import LookupFailed

SENSOR = registry.sensor_key("g", "s")
GATEWAY = registry.gateway_key("g")


class Bucket(dict[str, bytes]):
    """Bodies by key."""

    async def get_last_msg(self, stream_name, subject, direct=False):
        assert (stream_name, direct) == (f"KV_{topology.REGISTRY.name}", True)
        key = subject.removeprefix(f"$KV.{topology.REGISTRY.name}.")
        if key not in self:
            raise NotFoundError
        return SimpleNamespace(data=self[key] or None)


async def test_a_bucket_that_was_never_filled_says_nothing_of_a_missing_sensor():
    bucket = Bucket()
    known = RegistryBucket(bucket)
    for look_up in (lambda: known.sensor("g", "s"), lambda: known.report_interval_ms("g")):
        with pytest.raises(LookupFailed):
            await look_up()
    bucket[registry.FILLED_KEY] = b'{"at":1}'
    assert await known.sensor("g", "s") == "absent"
    assert await known.report_interval_ms("g") is None


async def test_what_is_there_counts_before_the_bucket_is_filled():
    known = RegistryBucket(
        Bucket(
            {
                SENSOR: b'{"state":"registered","entity":{}}',
                GATEWAY: b'{"state":"registered","entity":{"reportInterval":60000}}',
            }
        )
    )
    assert await known.sensor("g", "s") == "registered"
    assert await known.report_interval_ms("g") == 60_000


async def test_a_retired_sensor_is_told_from_one_that_never_was():
    assert await RegistryBucket(Bucket({SENSOR: b'{"state":"retired"}'})).sensor("g", "s") == "retired"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"state":"intended","entity":{}}'])
async def test_a_deleted_and_an_intended_sensor_are_not_registered(body):
    assert await RegistryBucket(Bucket({SENSOR: body})).sensor("g", "s") == "absent"


@pytest.mark.parametrize("body", [b"\xff", b"[", b"[]", b"7", b'{"state":"registered"}', b"[" * 100_000])
async def test_a_record_that_cannot_be_read_says_nothing(body):
    with pytest.raises(LookupFailed):
        await RegistryBucket(Bucket({SENSOR: body})).sensor("g", "s")
