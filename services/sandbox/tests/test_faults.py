"""Which requests a fault meets, how often and for how long."""

from email.utils import parsedate_to_datetime

import msgspec
import pytest

from ferry.sandbox.clock import Clock
from ferry.sandbox.faults.armed import Faults, Target
from ferry.sandbox.faults.fault import Fault

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
    assert bool(faults.meet(PUT).all) is met


def test_a_fault_ends_by_count_and_by_time() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.add(fault(for_requests=2))
    assert [bool(faults.meet(PUT).all) for _ in range(3)] == [True, True, False]
    faults.add(fault(for_s=10))
    assert faults.meet(PUT).all
    clock.set(advance_s=11)
    assert faults.meet(PUT).all == []
    assert faults.shown() == []


def test_so_many_each_second_are_spared() -> None:
    now = [100.0]
    faults = Faults(Clock(lambda: now[0]))
    faults.add(fault(per_s=2))

    def struck(requests: int) -> list[bool]:
        return [bool(faults.meet(PUT).all) for _ in range(requests)]

    assert struck(4) == [False, False, True, True]
    now[0] += 1
    assert struck(3) == [False, False, True]
    assert faults.shown()[0]["hits"] == 3


def test_a_rate_is_kept_and_is_the_same_for_the_same_seed() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults(Clock())
        faults.add(fault(rate=0.3, seed=seed))
        return [bool(faults.meet(PUT).all) for _ in range(1000)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 250 < sum(strikes(1)) < 350


@pytest.mark.parametrize("distribution", ["fixed", "uniform", "exponential", "lognormal"])
def test_latencies_stay_within_their_bounds(distribution: str) -> None:
    faults = Faults(Clock())
    faults.add(fault(kind="latency", ms=10, max_ms=50, distribution=distribution))
    delays = [faults.meet(PUT).delays[0].delay_s() for _ in range(300)]
    assert max(delays) <= 0.05
    assert (len(set(delays)) == 1) is (distribution == "fixed")


def last(faults: Faults) -> str:
    struck = faults.meet(PUT).last
    return struck.id if struck else ""


def test_faults_on_the_same_path_strike_one_after_the_other() -> None:
    faults = Faults(Clock())
    first, second = faults.add(fault(for_requests=2)), faults.add(fault(kind="reset_after", for_requests=1))
    assert [last(faults) for _ in range(4)] == [first, first, second, ""]


def test_a_fault_behind_another_is_not_used_up_meanwhile() -> None:
    clock = Clock(lambda: 0.0)
    faults = Faults(clock)
    faults.add(fault(for_s=10))
    second = faults.add(fault(for_requests=1))
    for _ in range(5):
        faults.meet(PUT)
    clock.set(advance_s=11)
    assert [last(faults) for _ in range(2)] == [second, ""]


def test_latencies_add_up_and_do_not_stand_in_the_way() -> None:
    faults = Faults(Clock())
    faults.add(fault(kind="latency", ms=10))
    status = faults.add(fault())
    faults.add(fault(kind="latency", ms=20))
    struck = faults.meet(PUT)
    assert [armed.delay_s() for armed in struck.delays] == [0.01, 0.02]
    assert struck.last is not None
    assert struck.last.id == status


def test_retry_after_in_both_forms_and_as_it_stands() -> None:
    faults = Faults(Clock())
    for wanted in (3, "http-date+60", "soon", ""):
        faults.add(fault(retry_after=wanted, for_requests=1))
    said = []
    for _ in range(4):
        struck = faults.meet(PUT).last
        assert struck is not None
        said.append(struck.headers(1_000_000.0)["Retry-After"])
    seconds, date, *raw = said
    assert (seconds, raw) == ("3", ["soon", ""])
    assert parsedate_to_datetime(date).timestamp() == 1_000_060


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"X-A": "b\r\nSet-Cookie: c"}},
        {"headers": {"X A": "b"}},
        {"headers": {"Content-Length": "1"}},
        {"retry_after": "1\n"},
        {"content_type": "text/html\r\nX: y"},
        {"kind": "redirect", "location": "/\r\nX: y"},
        {"text": "a", "body": {}},
        {"match": {"path": "^("}},
        {"match": {"path": "^a{99999999999}"}},
    ],
)
def test_what_would_break_the_connection_or_cannot_be_matched_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Faults(Clock()).add(fault(**fields))
