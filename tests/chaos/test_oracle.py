"""The oracle alone, without processes: each wrong end is a complaint, each allowed one is none."""

import pytest

from chaos.ledger import NO_NUMBER, Ledger, Status, Untimed, array_of, body_of
from chaos.oracle import Cloud, judge
from ferry.contract import subjects

SENSOR = ("gateway-0", "sensor-0")
SUBJECT = subjects.sensor_series(*SENSOR)
BAD_ARRAY = {1: "1", 2: NO_NUMBER, 3: "3"}


def points(readings):
    return [{"time": moment, "value": value} for moment, value in readings]


def of(readings):
    """A ledger with the readings, each a message of its own."""
    bodies = {(SUBJECT, body_of(*reading)) for reading in readings.items()}
    return Ledger(acknowledged={SENSOR: readings}, sent={SENSOR: readings}, published=bodies)


def of_array(readings):
    ledger = of(readings)
    ledger.arrays[SENSOR] = dict.fromkeys(readings, array_of(readings))
    ledger.published = {(SUBJECT, array_of(readings))}
    return ledger


def complaints(ledger, at_cloud, letters=(), statuses=None):
    found = judge(ledger, Cloud({SENSOR: points(at_cloud)}, statuses or {}), letters)
    return [name for name, each in vars(found).items() if each]


@pytest.mark.parametrize(
    ("at_cloud", "expected"),
    [
        ([(1, "1"), (2, "2")], []),
        ([(1, "1")], ["lost"]),
        ([(2, "2"), (1, "1")], ["reordered"]),
        ([(1, "1"), (2, "2"), (3, "3")], ["invented"]),
        ([(1, "1"), (2, "9")], ["lost", "invented"]),
    ],
)
def test_readings_at_the_cloud(at_cloud, expected):
    assert complaints(of({1: "1", 2: "2"}), at_cloud) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("refused", ["lost", "wrongly_dead"]),
        ("retries_exhausted", ["lost", "wrongly_dead"]),
        ("out_of_order", ["lost", "reordered"]),
        (None, ["lost", "reasonless"]),
    ],
)
def test_a_good_reading_is_never_a_dead_letter(reason, expected):
    assert complaints(of({1: "1"}), [], [(SUBJECT, reason, body_of(1, "1"))]) == expected


def test_a_delivered_reading_is_no_dead_letter_either():
    letters = [(SUBJECT, "refused", body_of(1, "1"))]
    assert complaints(of({1: "1"}), [(1, "1")], letters) == ["wrongly_dead"]


@pytest.mark.parametrize(("reason", "expected"), [("retries_exhausted", []), ("refused", ["wrongly_dead"])])
def test_a_failing_sensor_has_its_own_reasons_alone(reason, expected):
    ledger = of({1: "1"})
    ledger.bad_sensors[SENSOR] = frozenset({"retries_exhausted"})
    assert complaints(ledger, [], [(SUBJECT, reason, body_of(1, "1"))]) == expected


@pytest.mark.parametrize(("reason", "expected"), [("refused", []), ("unknown_sensor", ["wrongly_dead"])])
def test_a_refused_value_has_its_own_reasons_alone(reason, expected):
    letters = [(SUBJECT, reason, body_of(1, NO_NUMBER))]
    assert complaints(of({1: NO_NUMBER}), [], letters) == expected


@pytest.mark.parametrize(
    ("at_cloud", "expected"), [([(1, "1"), (3, "3")], []), ([(1, "1")], ["lost"]), ([], ["lost"])]
)
def test_a_dead_array_excuses_its_bad_reading_alone(at_cloud, expected):
    letters = [(SUBJECT, "refused", array_of(BAD_ARRAY))]
    assert complaints(of_array(BAD_ARRAY), at_cloud, letters) == expected


def test_a_bad_reading_of_an_array_needs_its_dead_letter():
    assert complaints(of_array(BAD_ARRAY), [(1, "1"), (3, "3")]) == ["lost"]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ([(SUBJECT, "invalid_body", b"{")], []),
        ([], ["lost"]),
        ([(SUBJECT, "invalid_value", b"{")], ["wrongly_dead"]),
        ([(SUBJECT, "invalid_body", b"{"), (SUBJECT, "invalid_body", b"[")], ["invented"]),
    ],
)
def test_a_bad_message_has_a_dead_letter_with_its_reason(letters, expected):
    ledger = Ledger(bad_messages={(SUBJECT, b"{"): frozenset({"invalid_body"})})
    assert complaints(ledger, [], letters) == expected


@pytest.mark.parametrize(
    ("at_cloud", "expected"),
    [
        ([(1000, "0.5"), (2000, "1.5")], []),
        ([(1000, "0.5"), (2000, "1.5"), (2001, "0.5")], []),
        ([(1000, "1.5"), (2000, "0.5")], ["reordered", "invented"]),
        ([(1000, "0.5")], ["lost"]),
        ([(1000, "0.5"), (9000, "1.5")], ["invented"]),
        ([(1000, "0.5"), (2000, "1.5"), (2001, "7.5")], ["invented"]),
    ],
)
def test_readings_without_a_time(at_cloud, expected):
    published = [Untimed("0.5", 1000, 1010), Untimed("1.5", 2000, 2010)]
    ledger = Ledger(untimed={SENSOR: published}, sent_untimed={SENSOR: {"0.5", "1.5"}})
    assert complaints(ledger, at_cloud) == expected


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({"value": "off", "expireAt": 101_000}, []),
        ({"value": "on", "expireAt": 101_000}, ["stale"]),
        ({"value": "off", "expireAt": 161_000}, ["stale"]),
        ({"value": "off", "expireAt": 41_000}, ["stale"]),
        (None, ["lost"]),
    ],
)
def test_the_last_status_is_what_the_cloud_shows(shown, expected):
    ledger = Ledger(statuses={SENSOR: [Status("off", 100, 1000, 1010)]})
    assert complaints(ledger, [], statuses={SENSOR: shown} if shown else {}) == expected


def test_either_is_right_when_nothing_was_heard_of_the_last_status():
    unheard = [Status("off", 100, 1000, 1010), Status("on", 160, 2000, 4000)]
    for value, expires in (("off", 101_000), ("on", 162_000)):
        shown = {SENSOR: {"value": value, "expireAt": expires}}
        assert complaints(Ledger(statuses={SENSOR: unheard}), [], statuses=shown) == []
