import asyncio

import pytest

from ferry.telemetry.delivery.limits.breaker import Breaker
from ferry.telemetry.delivery.limits.gate import Gate
from ferry.telemetry.delivery.limits.limiter import Limiter


@pytest.fixture
async def gate():
    return Gate(Limiter(4), Breaker(open_s=0.05, open_max_s=0.1, pause_max_s=0.2))


async def trip(gate):
    for number in range(5):
        await gate.enter()
        gate.leave_failed(f"lane-{number}", "503", None)
    assert gate.breaker.state == "open"


async def test_an_open_breaker_probes_with_one_request_and_closes_on_success(gate):
    await trip(gate)
    waiting = [asyncio.create_task(gate.enter()) for _ in range(3)]
    done, pending = await asyncio.wait(waiting, timeout=1, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(pending)) == (1, 2)
    gate.leave_good("lane-0")
    assert gate.breaker.state == "closed"
    done, pending = await asyncio.wait(pending, timeout=1, return_when=asyncio.FIRST_COMPLETED)
    gate.leave_good("lane-1")
    await asyncio.wait_for(asyncio.gather(*pending), 1)


async def test_a_probe_that_was_never_sent_does_not_block_the_gate_for_ever(gate):
    await trip(gate)
    await gate.enter()
    gate.abandon()
    await asyncio.wait_for(gate.enter(), 1)


async def test_one_lane_alone_opens_no_breaker(gate):
    for _ in range(20):
        await gate.enter(failing=True)
        gate.leave_failed("the same", "503", None, failing=True)
    assert gate.breaker.state == "closed"


async def test_retry_after_holds_everybody(gate):
    await gate.enter()
    gate.leave_failed("lane", "429", 0.2)
    gate.pause(0.2, "429")
    before = asyncio.get_running_loop().time()
    await asyncio.wait_for(gate.enter(), 1)
    assert asyncio.get_running_loop().time() - before >= 0.19
    assert gate.limiter.in_use == 1


async def test_a_cancelled_wait_gives_its_place_back(gate):
    for _ in range(int(gate.limiter.limit)):
        await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    gate.leave_good("lane")
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(gate.enter(), 1)


def test_the_limit_shrinks_once_a_round_and_grows_slowly():
    limiter = Limiter(64)
    limiter.in_use = 16
    for _ in range(16):
        limiter.overloaded()
    assert 10 < limiter.limit < 12
    for _ in range(200):
        limiter.in_use = int(limiter.limit)
        limiter.good()
    assert 12 < limiter.limit < 40


def test_after_an_outage_the_limit_returns_to_what_it_was():
    limiter = Limiter(64)
    limiter.in_use = 1
    for _ in range(100):
        limiter._ignored = 0
        limiter.overloaded()
    assert limiter.limit == 1
    for _ in range(12):
        limiter.in_use = int(limiter.limit)
        limiter.good()
    assert limiter.limit > 10


async def test_two_bad_sensors_are_no_outage(gate):
    """The breaker closes with the first healthy lane, which need not wait, and the two do not open it again."""
    for number in range(12):
        lane, failing = f"bad-{number % 2}", number > 1
        gate.limiter.in_use += 1
        gate._failing_in_use += failing
        gate.leave_failed(lane, "500", None, failing=failing)
    assert gate.breaker.state == "open"
    gate.breaker.until += 60
    await asyncio.wait_for(gate.enter(), 1)
    gate.leave_good("good")
    for number in range(30):
        await asyncio.wait_for(gate.enter(failing=True), 1)
        gate.leave_failed(f"bad-{number % 2}", "500", None, failing=True)
    assert gate.breaker.state == "closed"


async def test_a_failing_probe_that_waits_for_its_time_out_delays_no_healthy_lane(gate):
    await trip(gate)
    gate.breaker.until = 0.0
    await asyncio.wait_for(gate.enter(failing=True), 1)
    await asyncio.wait_for(gate.enter(), 1)
    gate.leave_good("good")
    assert gate.breaker.state == "closed"


async def test_a_healthy_lane_does_not_wait_for_the_time_of_failing_ones_that_wait_already(gate):
    await trip(gate)
    gate.breaker.until += 60
    failing = asyncio.create_task(gate.enter(failing=True))
    await asyncio.sleep(0)
    await asyncio.wait_for(gate.enter(), 1)
    failing.cancel()
    await asyncio.gather(failing, return_exceptions=True)


async def test_failing_lanes_leave_places_to_the_others(gate):
    gate.limiter.limit = 4
    await gate.enter(failing=True)
    second = asyncio.create_task(gate.enter(failing=True))
    await asyncio.sleep(0)
    assert not second.done()
    for _ in range(3):
        await asyncio.wait_for(gate.enter(), 1)
    second.cancel()


async def test_one_lane_told_to_wait_does_not_silence_the_cloud_three_do(gate):
    for number, state in ((0, "closed"), (1, "closed"), (2, "open")):
        await gate.enter()
        gate.leave_failed(f"lane-{number}", "503", 60.0)
        assert gate.breaker.state == state


async def test_the_account_refused_twice_pauses_the_cloud_with_its_cause(gate):
    for _ in range(2):
        await gate.enter()
        gate.leave_failed("lane", "471 BILLING", None, account=True)
    assert (gate.breaker.state, gate.breaker.cause) == ("open", "471 BILLING")


async def test_who_backs_off_is_woken_when_the_cloud_recovers(gate):
    await trip(gate)
    sleeping = asyncio.create_task(gate.back_off(60))
    await asyncio.sleep(0)
    await gate.enter()
    gate.leave_good("lane")
    await asyncio.wait_for(sleeping, 1)


class TickingBreaker(Breaker):
    """The clock ticks between two looks at it: refused a moment before its time, and then it is past."""

    def allows(self, now: float, *, healthy: bool) -> bool:
        return super().allows(now - 0.001, healthy=healthy)


async def test_whoever_waits_is_woken_though_the_clock_ticks_between_two_looks():
    gate = Gate(Limiter(4), TickingBreaker(open_s=0.05, open_max_s=0.1, pause_max_s=0.2))
    await trip(gate)
    gate.breaker.until = asyncio.get_running_loop().time()
    await asyncio.wait_for(gate.enter(), 1)


async def test_a_waiter_that_gave_up_takes_no_probe_with_it(gate):
    await trip(gate)
    gone = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await asyncio.wait_for(gate.enter(), 1)


async def test_a_gateway_with_many_sensors_delays_no_other_gateway(gate):
    for _ in range(int(gate.limiter.limit)):
        await gate.enter("hog")
    order = []

    async def wait(gateway):
        await gate.enter(gateway)
        order.append(gateway)

    waiting = [asyncio.create_task(wait(name)) for name in ["hog"] * 50 + ["small"]]
    await asyncio.sleep(0)
    for _ in range(3):
        gate.leave_good("lane")
        await asyncio.sleep(0)
    assert "small" in order
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
