import asyncio

import pytest

from ferry.telemetry.breaker import Breaker
from ferry.telemetry.gate import Gate
from ferry.telemetry.limiter import Limiter


@pytest.fixture
async def gate():
    return Gate(Limiter(4), Breaker(open_s=0.05, open_max_s=0.1))


async def trip(gate):
    for number in range(5):
        await gate.enter()
        gate.leave_failed(f"lane-{number}", None)
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
        await gate.enter()
        gate.leave_failed("the same", None)
    assert gate.breaker.state == "closed"


async def test_retry_after_holds_everybody(gate):
    await gate.enter()
    gate.leave_failed("lane", 0.2)
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
        limiter.good()
    assert 12 < limiter.limit < 40


class TickingBreaker(Breaker):
    """The clock ticks between two looks at it: refused a moment before its time, and then it is past."""

    def allows(self, now: float) -> bool:
        return super().allows(now - 0.001)


async def test_whoever_waits_is_woken_though_the_clock_ticks_between_two_looks():
    gate = Gate(Limiter(4), TickingBreaker(open_s=0.05, open_max_s=0.1))
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
