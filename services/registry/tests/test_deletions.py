"""What Thing+ has no more: a GET proves it, a crash forgets none of it, and what is back is there again."""

import pytest

from ferry.clouds.errors import BadAnswerError, UnreachableError
from ferry.clouds.thingplus.listed import Listed
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, Gateway, ImportRequest, Record, Sensor
from ferry.registry.bucket import ConflictError
from ferry.registry.deletions import Deletions
from ferry.registry.registrar import Registrar
from ferry.registry.takeover import GATEWAYS_AT_ONCE, Takeover


class Died(BaseException):
    """The process ends here."""


class World:
    """The bucket, and a cloud that lists what it holds, but for `unlisted`."""

    def __init__(self):
        self.records = {}
        self.cloud = {}
        self.unlisted = set()
        self.garbled = set()
        self.told = []
        self.writes_left = None
        self.filled = False

    def add(self, entity, *, at_cloud=True):
        self.records[self.key(entity)] = (Record(state="registered", entity=entity), 1)
        if at_cloud:
            self.cloud[self.key(entity)] = entity

    @staticmethod
    def key(entity):
        return (type(entity).__name__, getattr(entity, "owner", ""), entity.id)

    def listed(self, kind, owner=""):
        found = [
            one
            for (name, of, _), one in self.cloud.items()
            if (name, of) == (kind, owner) and one.id not in self.unlisted
        ]
        return Listed(found, [])

    def found(self, *key):
        if key[2] in self.garbled:
            raise BadAnswerError(200, "garbage")
        return self.cloud.get(key)

    async def gateways(self, page, count):
        items = self.listed("Gateway").items
        part = items[page * count : (page + 1) * count]
        return Listed(part, [], more=len(part) == count)

    async def gateway(self, gateway):
        return self.found("Gateway", "", gateway)

    async def devices(self, owner):
        return self.listed("Device", owner)

    async def device(self, owner, device):
        return self.found("Device", owner, device)

    async def sensors(self, owner):
        return self.listed("Sensor", owner)

    async def sensor(self, owner, sensor):
        return self.found("Sensor", owner, sensor)

    async def imported(self):
        self.filled = True

    async def emit(self, noun, verb, message):
        self.told.append((noun, verb, message.id))

    def deleted(self):
        return {
            entity.id
            for record, _ in self.records.values()
            if (entity := record.entity).deleted_before is not None
        }


class Store:
    """All kinds in one; the registrar's key is only used to find which."""

    def __init__(self, world, kind):
        self.world, self.kind = world, kind

    def _key(self, key):
        parts = key.split(".")
        return (self.kind, "" if self.kind == "Gateway" else parts[1], parts[-1])

    async def get(self, key):
        return self.world.records.get(self._key(key), (None, 0))

    async def put(self, key, state, entity, revision):
        world = self.world
        if world.writes_left is not None:
            world.writes_left -= 1
            if world.writes_left < 0:
                raise Died
        if world.records.get(self._key(key), (None, 0))[1] != revision:
            raise ConflictError
        world.records[self._key(key)] = (Record(state=state, entity=entity), revision + 1)
        return revision + 1


class Known:
    def __init__(self, world):
        self.world = world

    def _of(self, kind, owner=""):
        return [
            record.entity
            for (name, of, _), (record, _) in self.world.records.items()
            if (name, of) == (kind, owner) and record.entity.deleted_before is None
        ]

    async def gateways(self):
        return self._of("Gateway")

    async def devices(self, owner):
        return self._of("Device", owner)

    async def sensors(self, owner):
        return self._of("Sensor", owner)


def gateway(name):
    return Gateway(id=name, name=name, model="52", site_id="1", report_interval=60_000)


def device(owner):
    return Device(id=f"{owner}-d", owner=owner, name="D", model="m")


def sensor(owner, name):
    return Sensor(
        id=name,
        owner=owner,
        device_id=f"{owner}-d",
        name=name,
        type="t",
        driver_name="d",
        model="m",
        category="sensor",
    )


@pytest.fixture
def world():
    made = World()
    for name in ("g1", "g2"):
        made.add(gateway(name))
        made.add(device(name))
        made.add(sensor(name, f"{name}-s"))
    return made


async def take_over(world, **asked):
    async def unused(_):
        raise AssertionError

    registrars = (
        Registrar("gateway", Store(world, "Gateway"), world, unused, unused),
        Registrar("device", Store(world, "Device"), world, unused, unused),
        Registrar("sensor", Store(world, "Sensor"), world, unused, unused),
    )
    takeover = Takeover(world, Deletions(world, Known(world), registrars), world, registrars)
    return await takeover.page(ImportRequest(**asked))


async def test_nothing_is_deleted_when_all_is_there(world):
    assert (await take_over(world)).deleted == []
    assert world.told == []
    assert world.filled


async def test_a_part_that_is_gone_is_noted_once_and_stays_known(world):
    world.add(sensor("g1", "gone"), at_cloud=False)
    assert (await take_over(world)).deleted == ["sensor g1/gone"]
    assert world.deleted() == {"gone"}
    assert world.told == [("sensor", "deleted", "gone")]
    assert (await take_over(world)).deleted == []


async def test_a_gateway_takes_what_belongs_to_it_along(world):
    for key in [key for key in world.cloud if "g2" in (key[1], key[2])]:
        del world.cloud[key]
    assert (await take_over(world)).deleted == ["gateway g2, its 1 devices and 1 sensors"]
    assert world.deleted() == {"g2", "g2-d", "g2-s"}


async def test_a_death_at_any_write_forgets_nothing(world):
    for key in [key for key in world.cloud if "g2" in (key[1], key[2])]:
        del world.cloud[key]
    for writes in range(3):
        world.writes_left = writes % 2
        with pytest.raises(Died):
            await take_over(world)
    world.writes_left = None
    assert len((await take_over(world)).deleted) == 1
    assert world.deleted() == {"g2", "g2-d", "g2-s"}


@pytest.mark.parametrize("missing", ["g2", "g1-d", "g1-s"])
async def test_what_a_list_lacks_and_a_get_finds_is_there(world, missing):
    world.unlisted.add(missing)
    assert (await take_over(world)).deleted == []
    world.garbled.add(missing)
    assert (await take_over(world)).deleted == []
    assert world.deleted() == set()


async def test_a_cloud_that_does_not_answer_deletes_nothing(world):
    world.unlisted.add("g1-s")

    def silent(*_):
        raise UnreachableError("cut off", ambiguous=True)

    world.found = silent
    with pytest.raises(ProblemError) as error:
        await take_over(world)
    assert error.value.problem.status == 503
    assert world.deleted() == set()


async def test_gateways_are_missed_after_the_last_page_alone(world):
    for number in range(GATEWAYS_AT_ONCE):
        world.add(gateway(f"more-{number}"))
    world.add(gateway("gone"), at_cloud=False)
    first = await take_over(world)
    assert (first.deleted, first.next) == ([], 1)
    assert (await take_over(world, page=1)).deleted == ["gateway gone, its 0 devices and 0 sensors"]


async def test_one_gateway_may_be_asked_for(world):
    world.add(gateway("gone"), at_cloud=False)
    assert (await take_over(world, gateway="g1")).deleted == []
    assert (await take_over(world, gateway="gone")).deleted == ["gateway gone, its 0 devices and 0 sensors"]
    with pytest.raises(ProblemError) as error:
        await take_over(world, gateway="never")
    assert error.value.problem.status == 404


async def test_what_is_back_at_the_portal_is_there_again(world):
    one = sensor("g1", "s")
    world.add(one, at_cloud=False)
    await take_over(world)
    world.cloud[world.key(one)] = one
    assert (await take_over(world)).sensors == 1
    assert world.deleted() == set()
    assert world.told[-1] == ("sensor", "changed", "s")
