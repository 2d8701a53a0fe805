"""When sensors are heard: by their plan, on a clock that the test moves."""

import pytest
from certificates import self_signed

from ferry.sandbox import fixtures
from ferry.sandbox.clock import Clock
from ferry.sandbox.otosense.sensors import Sensors
from ferry.sandbox.web.refusal import RefusalError

PLANS = [("S1", 2), ("S1-LATE", 75), ("S1-SLEEPY", 1290)]


@pytest.fixture
def sensors() -> tuple[Sensors, Clock]:
    clock = Clock()
    return Sensors(fixtures.load().otosense.connect, clock), clock


@pytest.mark.parametrize(("name", "after_s"), PLANS)
def test_a_sensor_connects_when_its_plan_says(
    sensors: tuple[Sensors, Clock], name: str, after_s: float
) -> None:
    known, clock = sensors
    known.provision("demo", "client", self_signed(name))
    clock.set(advance_s=after_s - 1)
    assert "lastConnected" not in known.get("demo", name)
    clock.set(advance_s=2)
    assert "lastConnected" in known.get("demo", name)


def test_a_sensor_may_never_connect(sensors: tuple[Sensors, Clock]) -> None:
    known, clock = sensors
    known.provision("demo", "client", self_signed("S1-NEVER"))
    clock.set(advance_s=10**7)
    assert "lastConnected" not in known.get("demo", "S1-NEVER")


def test_a_plan_may_be_set_before_the_sensor_is_provisioned(sensors: tuple[Sensors, Clock]) -> None:
    known, clock = sensors
    known.connect("S1", 500)
    known.provision("demo", "client", self_signed("S1"))
    clock.set(advance_s=499)
    assert "lastConnected" not in known.get("demo", "S1")
    clock.set(advance_s=2)
    assert "lastConnected" in known.get("demo", "S1")


def test_the_same_id_with_another_certificate_is_refused(sensors: tuple[Sensors, Clock]) -> None:
    known, _ = sensors
    pem = self_signed("S1")
    assert known.provision("demo", "client", pem) == known.provision("demo", "client", pem)
    with pytest.raises(RefusalError) as refused:
        known.provision("demo", "client", self_signed("S1"))
    assert refused.value.status == 409
