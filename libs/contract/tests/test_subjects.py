import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferry.contract import subjects
from ferry.contract.ids import is_safe_id, safe_id


@given(st.text(max_size=140))
def test_an_id_is_either_one_token_or_refused_with_the_reason(text):
    if is_safe_id(text):
        assert len(subjects.gateway_status(text).split(".")) == 5
        assert subjects.parse_published(subjects.sensor_series(text, text)).sensor == text
    else:
        with pytest.raises(ValueError, match="an id "):
            subjects.gateway_status(text)


@pytest.mark.parametrize("bad", ["", "a b", "a.b", "*", ">", "a\n", "é", "a" * 129, "a/b", "\x00"])
def test_what_is_no_token_is_refused(bad):
    with pytest.raises(ValueError, match="an id"):
        safe_id(bad)


@pytest.mark.parametrize(
    "subject",
    [
        "ferry.v1.gateways.g.series",
        "ferry.v1.gateways.g.sensors.s",
        "ferry.v1.gateways.g.sensors.s.series.x",
        "ferry.v2.gateways.g.status",
        "ferry.v1.gateways.g.devices.s.series",
    ],
)
def test_a_subject_that_is_not_in_the_table_is_refused(subject):
    with pytest.raises(ValueError, match="the contract has no subject"):
        subjects.parse_published(subject)


def test_a_dead_letter_of_unsafe_ids_still_has_a_place():
    assert subjects.dead("invalid_subject", "a~b", None) == "ferry.v1.dead.invalid_subject._unsafe.-"
