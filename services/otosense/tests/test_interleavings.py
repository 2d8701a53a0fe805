"""Two things at one moment, in every order that there is: nothing that was asked for is lost."""

import copy

import certificates
import pytest
import structlog
from otosense_fakes import (
    Choices,
    Clock,
    MemoryCloud,
    MemoryEvents,
    MemoryQueue,
    MemoryStore,
    interleave,
    run,
)

from ferry.contract.otosense import Sensor
from ferry.contract.problems import ProblemError
from ferry.otosense.sensors.checks import Checks
from ferry.otosense.sensors.claims import Claims
from ferry.otosense.sensors.endings import Endings
from ferry.otosense.sensors.following import Following
from ferry.otosense.sensors.schedule import LONGEST_S, Schedule

SENSOR = "0000S111A"
PEM = certificates.chain(SENSOR)
CHECK_S = 900.0


@pytest.fixture(autouse=True)
def _quiet():
    """Thousands of orders would log the same thousands of times."""
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.configure(**kept)


class World:
    """Otosense over ports in memory, with one sensor claimed."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cloud, self.store = MemoryCloud(self.clock), MemoryStore()
        self.queue, self.events = MemoryQueue(), MemoryEvents()
        schedule, endings = Schedule(), Endings(self.store, self.events)
        self.claims = Claims(self.cloud, self.store, self.queue, self.events, schedule, self.clock, 40)
        self.following = Following(self.cloud, self.store, self.queue, endings, schedule, self.clock)
        self.checks = Checks(self.cloud, self.store, endings, CHECK_S, self.clock)
        run(self.claims.provision(PEM))

    @property
    def sensor(self) -> Sensor | None:
        record = run(self.store.read(SENSOR)).record
        return record.sensor if record else None

    def look(self):
        return self.following.handle(self.queue.deliver(SENSOR))

    def connect(self) -> None:
        self.clock.pass_s(10)
        self.cloud.connect(SENSOR)
        run(self.look())
        assert self.sensor
        assert self.sensor.stage == "connected"

    def works_off(self) -> None:
        """Whatever is followed is looked at to its end."""
        for _ in range(100):
            if not self.queue.messages:
                return
            self.clock.pass_s(61)
            run(self.look())
        raise AssertionError("it is followed without end")


def every_order(prepare, works):
    """A world and its answers for each order; `works` are begun in a world that `prepare` made."""
    choices: Choices | None = Choices()
    count = 0
    prepared = World()
    prepare(prepared)
    while choices is not None:
        world = copy.deepcopy(prepared)
        answers = interleave([work(world) for work in works], choices)
        yield world, answers
        choices, count = choices.next(), count + 1
    assert count > 10, "they do not meet"


def about_to_be_silent(world):
    world.clock.pass_s(LONGEST_S + 1)


def silent_and_not_told(world):
    """As after a crash: written, and its message still there."""
    about_to_be_silent(world)
    look = world.look()
    while not world.sensor or world.sensor.stage == "waiting":
        look.send(None)
    look.close()
    assert world.queue.messages == {SENSOR}


def provision(world):
    return world.claims.provision(PEM)


def look(world):
    return world.look()


@pytest.mark.parametrize("prepare", [about_to_be_silent, silent_and_not_told])
def test_provisioned_again_at_the_moment_it_is_found_silent_it_is_followed(prepare):
    for world, (answer, looked) in every_order(prepare, [provision, look]):
        assert (answer.stage, looked) == ("waiting", None)
        assert world.sensor
        assert world.sensor.stage == "waiting"
        world.clock.pass_s(10)
        world.cloud.connect(SENSOR)
        world.works_off()
        assert world.sensor.stage == "connected"
        assert world.events.stored.count(("connected", SENSOR)) == 1
        assert world.events.stored.count(("silent", SENSOR)) <= 1


def test_provisioned_twice_at_once_it_is_recorded_once_and_followed():
    for world, answers in every_order(about_to_be_silent, [provision, provision]):
        assert [answer.stage for answer in answers] == ["waiting", "waiting"]
        assert world.queue.messages == {SENSOR}
        world.works_off()
        assert world.sensor
        assert world.sensor.stage == "silent"


def released_at_the_cloud(world):
    """Connected once, and found missing once since."""
    world.connect()
    world.cloud.release(SENSOR)
    world.clock.pass_s(CHECK_S + 1)
    run(world.checks.check(SENSOR))
    world.clock.pass_s(CHECK_S)


def check(world):
    return world.checks.check(SENSOR)


def test_provisioned_again_while_it_is_found_released_it_is_claimed_and_followed():
    for world, (answer, _) in every_order(released_at_the_cloud, [provision, check]):
        assert answer.stage == "waiting"
        assert world.sensor
        assert world.sensor.stage == "waiting"
        assert world.cloud.posts == 2
        world.clock.pass_s(10)
        world.cloud.connect(SENSOR)
        world.works_off()
        assert world.sensor.stage == "connected"


def test_two_replicas_that_check_at_once_ask_and_tell_once():
    for world, _ in every_order(released_at_the_cloud, [check, check]):
        assert world.sensor
        assert world.sensor.stage == "released"
        assert world.events.stored.count(("released", SENSOR)) == 1


def forget(world):
    return world.claims.forget(SENSOR)


@pytest.mark.parametrize("other", [look, provision, forget])
def test_forgotten_at_the_moment_of_something_else(other):
    for world, (forgotten, answer) in every_order(about_to_be_silent, [forget, other]):
        assert not isinstance(forgotten, Exception) or other is forget
        assert not isinstance(answer, Exception) or isinstance(answer, ProblemError)
        if other is not provision:
            assert world.sensor is None
        if world.sensor:  # provisioned after it was forgotten: it is there and followed
            assert world.sensor.stage == "waiting"
            assert world.queue.messages == {SENSOR}
        world.works_off()
        assert world.events.stored.count(("forgotten", SENSOR)) == 1


def test_one_that_connects_while_it_is_provisioned_again():
    def connecting(world):
        about_to_be_silent(world)
        world.cloud.connect(SENSOR)

    for world, (answer, _) in every_order(connecting, [provision, look]):
        assert answer.stage in {"waiting", "connected"}
        world.works_off()
        assert world.sensor
        assert world.sensor.stage == "connected"
        assert world.events.stored.count(("connected", SENSOR)) >= 1
