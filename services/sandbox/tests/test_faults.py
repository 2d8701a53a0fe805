"""Which requests a fault meets, how often and for how long."""

from email.utils import parsedate_to_datetime

import msgspec
import pytest

from ferry.sandbox.clock import Clock
from ferry.sandbox.faults.armed import Fault, Faults, Target

SERIES = "/v2/gateways/g1/sensors/s1/series"
PUT = Target("thingplus", "PUT", SERIES, {"gateway": "g1", "sensor": "s1"}, "demo")


def fault(**fields: object) -> Fault:
    return msgspec.convert({"kind": "status", **fields}, Fault)


MATCHES = [
    ({}, True),
    ({"cloud": "thingplus"}, True),
    ({"cloud": "otosense"}, False),
    ({"method": "put"}, True),
    ({"method": "GET"}, False),
    ({"path": "*/series"}, True),
    ({"path": "/v2/gateways/*"}, True),
    ({"path": "/gateways/*"}, True),
    ({"path": "series"}, False),
    ({"path": "^.*/sensors/s[12]/series$"}, True),
    ({"path": "^.*/sensors/s[23]/series$"}, False),
    ({"sensor": "s1", "gateway": "g1"}, True),
    ({"sensor": "s2"}, False),
    ({"gateway": "g2"}, False),
    ({"tenant": "demo"}, True),
    ({"tenant": "other"}, False),
]


@pytest.mark.parametrize(("match", "met"), MATCHES)
def test_a_fault_meets_what_it_matches(match: dict[str, str], met: bool) -> None:
    faults = Faults(Clock())
    faults.add(fault(match=match))
    assert bool(faults.meet(PUT)) is met


def test_a_fault_ends_by_count_and_by_time() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.add(fault(for_requests=2))
    assert [bool(faults.meet(PUT)) for _ in range(3)] == [True, True, False]
    faults.add(fault(for_s=10))
    assert faults.meet(PUT)
    clock.set(advance_s=11)
    assert faults.meet(PUT) == []
    assert faults.shown() == []


def test_so_many_each_second_are_spared() -> None:
    now = [100.0]
    faults = Faults(Clock(lambda: now[0]))
    faults.add(fault(per_s=2))

    def struck(requests: int) -> list[bool]:
        return [bool(faults.meet(PUT)) for _ in range(requests)]

    assert struck(4) == [False, False, True, True]
    now[0] += 1
    assert struck(3) == [False, False, True]
    assert faults.shown()[0]["hits"] == 3


def test_a_rate_is_kept_and_is_the_same_for_the_same_seed() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults(Clock())
        faults.add(fault(rate=0.3, seed=seed))
        return [bool(faults.meet(PUT)) for _ in range(1000)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 250 < sum(strikes(1)) < 350


@pytest.mark.parametrize("distribution", ["fixed", "uniform", "exponential", "lognormal"])
def test_latencies_stay_within_their_bounds(distribution: str) -> None:
    faults = Faults(Clock())
    faults.add(fault(kind="latency", ms=10, max_ms=50, distribution=distribution))
    delays = [faults.meet(PUT)[0].delay_s() for _ in range(300)]
    assert max(delays) <= 0.05
    assert (len(set(delays)) == 1) is (distribution == "fixed")


def test_retry_after_in_both_forms() -> None:
    faults = Faults(Clock())
    faults.add(fault(retry_after=3))
    faults.add(fault(retry_after="http-date+60"))
    seconds, date = (armed.retry_after(1_000_000.0) for armed in faults.meet(PUT))
    assert seconds == "3"
    assert date is not None
    assert parsedate_to_datetime(date).timestamp() == 1_000_060
