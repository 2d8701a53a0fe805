"""How many motor sensors wait, are connected, silent or released: one that cannot be read is none of them."""

from metrics_read import Meters, labels
from otosense_fakes import MemoryStore

from ferry.contract.otosense import Sensor
from ferry.otosense.sensors.records import Record, Stored
from ferry.otosense.sensors.stages import Stages


def record(sensor_id, stage):
    fields = {"provisioned": "t", "provisioned_by": "me", "next_step": "wait", "claimed_at": 1}
    return Record(sensor=Sensor(sensor_id=sensor_id, stage=stage, **fields), fingerprint="f")


class OneUnreadable(MemoryStore):
    async def sensors(self):
        return [*await super().sensors(), "odd"]

    async def read(self, sensor_id):
        return Stored(None, 1, unreadable=True) if sensor_id == "odd" else await super().read(sensor_id)


async def test_each_sensor_is_counted_in_its_stage():
    meters, store = Meters(), OneUnreadable()
    stages = Stages(store, meters.meter)
    assert meters.read("ferry.otosense.sensors") == {}
    for number, stage in enumerate(("waiting", "waiting", "connected", "released")):
        await store.write(record(f"s{number}", stage), 0)
    await stages.count()
    found = meters.read("ferry.otosense.sensors")
    counted = {"waiting": 2, "connected": 1, "released": 1, "silent": 0, "unreadable": 1}
    assert found == {labels({"stage": stage}): count for stage, count in counted.items()}
    revision = (await store.read("s2")).revision
    await store.delete("s2", revision)
    await stages.count()
    assert meters.read("ferry.otosense.sensors")[labels({"stage": "connected"})] == 0
