"""A plan is applied at the cloud's own pace, and each failure is reported once."""

import asyncio
import time
from typing import Any, Literal

import pytest

from ferry.client.fleet.apply.applying import apply
from ferry.client.fleet.apply.pace import FIRST, Pace
from ferry.client.fleet.plan import Plan
from ferry.client.fleet.wanted import Wanted
from ferry.contract.problems import Problem, ProblemError
from ferry.contract.registry import MOST_PARTS, RefusedPart, ReservedIds, ReserveIds


def busy(retry_after=None):
    return ProblemError.of("refused", 503, "not now", retry_after=retry_after)


class Registry:
    """Answers as the registry does: `refuse` is asked first, with each entity and how often it came."""

    def __init__(self, refuse=lambda asked, times: None):
        self.refuse = refuse
        self.times: dict[str, int] = {}
        self.there: list[str] = []
        self.requests: list[str] = []
        self.running = self.most = 0
        self.asked_at: list[float] = []

    async def ask(self, subject: str, asked: Any, answer: Any, **more: Any) -> Any:
        if isinstance(asked, ReserveIds):
            return ReservedIds(ids=[f"made-{place.name}" for place in asked.places])
        self.requests.append(asked.req_id)
        self.asked_at.append(time.monotonic())
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
            self._register(asked)
        finally:
            self.running -= 1
        return answer.model_construct(refused=self._parts(asked))

    def _register(self, asked: Any) -> None:
        self.times[asked.req_id] = self.times.get(asked.req_id, 0) + 1
        if (problem := self.refuse(asked, self.times[asked.req_id])) is not None:
            raise problem
        assert asked.req_id not in self.there
        self.there.append(asked.req_id)

    def _parts(self, asked: Any) -> list[RefusedPart]:
        """A sensor of a device that was refused is refused as well, with "later" when that was said."""
        refused = []
        lost: dict[str, Problem] = {}
        for part in (*getattr(asked, "devices", ()), *getattr(asked, "sensors", ())):
            device = getattr(part, "device_id", None)
            noun: Literal["device", "sensor"] = "sensor" if device else "device"
            try:
                if device in lost:
                    later = lost[device].status >= 500
                    raise (
                        ProblemError(lost[device]) if later else ProblemError.of("unknown-device", 404, "no")
                    )
                self._register(part)
            except ProblemError as error:
                lost[part.req_id] = error.problem
                refused.append(RefusedPart(noun=noun, id=part.req_id, problem=error.problem))
        return refused


def plan(sensors=2, *, ids=True):
    gateways, devices, kinds = [], [], []
    for name in ("g1", "g2"):
        gateway = Wanted("gateway", name, name if ids else None, ())
        device = Wanted("device", f"{name}-d", f"{name}-d" if ids else None, (), parent=gateway)
        gateways.append(gateway)
        devices.append(device)
        for number in range(sensors):
            entity = f"{name}-{number}"
            fields: dict[str, object] = {"type": "t"}
            kinds.append(Wanted("sensor", entity, entity if ids else None, (), parent=device, fields=fields))
    return Plan(create=[*gateways, *devices, *kinds])


async def applied(registry: Any, wanted: Plan, at_once=32, patience_s=5.0):
    steps: list[int] = []
    done = await apply(registry, wanted, at_once, steps.append, patience_s=patience_s)
    assert sum(steps) == len(wanted.create)
    return done


async def test_a_new_gateway_brings_what_belongs_to_it_by_one_request():
    registry = Registry()
    assert (await applied(registry, plan())).created == 8
    assert registry.requests == ["g1", "g2"]


async def test_what_has_no_id_gets_the_registrys_before_it_is_registered():
    registry = Registry()
    assert (await applied(registry, plan(ids=False))).created == 8
    assert registry.requests == ["made-g1", "made-g2"]
    assert "made-g1-0" in registry.there


async def test_what_one_request_does_not_take_follows_by_itself():
    registry = Registry()
    assert (await applied(registry, plan(MOST_PARTS + 2))).created == 4 + 2 * (MOST_PARTS + 2)
    assert len(registry.requests) == 2 + 2 * 3


async def test_what_belongs_to_a_gateway_that_is_there_is_asked_for_by_itself():
    registry = Registry()
    wanted = plan()
    registry.there += ["g1", "g2"]
    wanted.create = [one for one in wanted.create if one.noun != "gateway"]
    assert (await applied(registry, wanted)).created == 6
    assert registry.requests[:2] == ["g1-d", "g2-d"]


@pytest.mark.parametrize("late", ["g1-d", "g1-0"])
async def test_a_part_that_is_put_off_comes_again_by_itself(late):
    def refuse(asked, times):
        return busy() if asked.req_id == late and times < 3 else None

    registry = Registry(refuse)
    done = await applied(registry, plan())
    assert (done.created, done.failed) == (8, [])
    assert registry.requests.count("g1") == 1


@pytest.mark.parametrize(("bad", "skipped", "created"), [("g1", 3, 4), ("g1-d", 2, 5), ("g1-0", 0, 7)])
async def test_what_belongs_to_a_failure_is_not_tried(bad, skipped, created):
    registry = Registry(
        lambda asked, times: ProblemError.of("no", 422, "no") if asked.req_id == bad else None
    )
    done = await applied(registry, plan())
    assert (len(done.failed), done.skipped, done.created) == (1, skipped, created)
    assert registry.times[bad] == 1


@pytest.mark.parametrize(("bad", "skipped"), [("g1", 3), ("g1-d", 2), ("g1-0", 0)])
async def test_what_gets_no_id_spoils_nobody_elses(bad, skipped):
    class Refusing(Registry):
        async def ask(self, subject: str, asked: Any, answer: Any, **more: Any) -> Any:
            if isinstance(asked, ReserveIds) and bad in {place.name for place in asked.places}:
                raise ProblemError.of("ambiguous", 409, "several")
            return await super().ask(subject, asked, answer)

    done = await applied(Refusing(), plan(ids=False))
    assert ([one.name for one in done.failed], done.skipped) == ([bad], skipped)
    assert done.created == 7 - skipped


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
    assert ({one.name for one in done.failed}, done.skipped) == ({"g1", "g2"}, 6)


async def test_one_that_never_goes_well_holds_up_no_other():
    registry = Registry(lambda asked, times: busy() if asked.req_id == "g1-0" else None)
    done = await applied(registry, plan(), at_once=1, patience_s=0.3)
    assert (done.created, [one.name for one in done.failed]) == (7, ["g1-0"])


async def test_no_more_at_a_time_than_was_allowed():
    registry = Registry()
    wanted = plan(100)
    wanted.create = [one for one in wanted.create if one.noun == "sensor"]
    await applied(registry, wanted, at_once=5)
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
