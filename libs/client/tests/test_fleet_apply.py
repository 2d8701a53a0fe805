"""A plan is brought about at the cloud's own pace, and what cannot be is told once."""

import asyncio
import time

import pytest

from ferry.client.fleet_apply import apply
from ferry.client.fleet_plan import Asked, Noun, Plan
from ferry.client.pace import FIRST, Pace
from ferry.contract.problems import ProblemError
from ferry.contract.registry import RegisterDevice, RegisterGateway, RegisterSensor


def busy(retry_after=None):
    return ProblemError.of("refused", 503, "not now", retry_after=retry_after)


class Registry:
    """Answers as the registry does: `refuse` is asked first, with the request and how often it came."""

    def __init__(self, refuse=lambda asked, times: None):
        self.refuse = refuse
        self.times = {}
        self.there = []
        self.running = self.most = 0
        self.asked_at = []

    async def ask(self, subject, asked, answer, **more):
        self.times[asked.req_id] = self.times.get(asked.req_id, 0) + 1
        self.asked_at.append(time.monotonic())
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
            if (problem := self.refuse(asked, self.times[asked.req_id])) is not None:
                raise problem
            self.there.append(asked.req_id)
        finally:
            self.running -= 1


def plan(sensors=2):
    kinds: list[tuple[Noun, Asked]] = [
        *(("gateway", RegisterGateway(name=g, req_id=g)) for g in ("g1", "g2")),
        *(("device", RegisterDevice(owner=g, name="d", req_id=f"{g}-d")) for g in ("g1", "g2")),
    ]
    for g in ("g1", "g2"):
        for n in range(sensors):
            sensor = RegisterSensor(owner=g, device_id=f"{g}-d", name="s", type="t", req_id=f"{g}-{n}")
            kinds.append(("sensor", sensor))
    return Plan(create=kinds)


async def applied(registry, wanted, at_once=32, patience_s=5.0):
    steps = []
    done = await apply(registry, wanted, at_once, lambda: steps.append(1), patience_s)
    assert len(steps) == len(wanted.create)
    return done


async def test_what_others_belong_to_comes_first():
    registry = Registry()
    assert (await applied(registry, plan())).created == 8
    assert registry.there[:4] == ["g1", "g2", "g1-d", "g2-d"]


@pytest.mark.parametrize(("bad", "skipped", "created"), [("g1", 3, 4), ("g1-d", 2, 5), ("g1-0", 0, 7)])
async def test_what_belongs_to_a_failure_is_not_tried(bad, skipped, created):
    registry = Registry(
        lambda asked, times: ProblemError.of("no", 422, "no") if asked.req_id == bad else None
    )
    done = await applied(registry, plan())
    assert (len(done.failed), done.skipped, done.created) == (1, skipped, created)
    assert registry.times[bad] == 1


async def test_a_passing_failure_is_tried_again_until_it_is_over():
    registry = Registry(lambda asked, times: busy() if times < 3 else None)
    done = await applied(registry, plan())
    assert (done.created, done.failed) == (8, [])


async def test_nobody_asks_before_the_time_that_the_cloud_named():
    registry = Registry(lambda asked, times: busy(0.4) if (asked.req_id, times) == ("g1", 1) else None)
    done = await applied(registry, plan(), at_once=1)
    assert done.created == 8
    assert registry.asked_at[1] - registry.asked_at[0] >= 0.4


async def test_patience_ends_when_nothing_goes_well():
    registry = Registry(lambda asked, times: busy())
    done = await applied(registry, plan(), patience_s=0.3)
    assert ({asked.req_id for _, asked, _ in done.failed}, done.skipped) == ({"g1", "g2"}, 6)


async def test_one_that_never_goes_well_holds_up_no_other():
    registry = Registry(lambda asked, times: busy() if asked.req_id == "g1-0" else None)
    done = await applied(registry, plan(), at_once=1, patience_s=0.3)
    assert (done.created, [asked.req_id for _, asked, _ in done.failed]) == (7, ["g1-0"])


async def test_no_more_at_a_time_than_was_allowed():
    registry = Registry()
    await applied(registry, plan(100), at_once=5)
    assert registry.most == 5


async def test_the_limit_grows_while_all_goes_well_and_halves_at_one_sign():
    pace = Pace(64)
    assert pace.limit == FIRST
    for _ in range(64 * 64):
        pace.well()
    assert pace.limit == 64
    pace.slower(None)
    pace.slower(None)
    assert pace.limit == 32
