import pytest
from pydantic import ValidationError

from ferry.contract.readings import SERIES, Reading, Status


def test_a_number_is_taken_and_becomes_a_string():
    assert SERIES.validate_json(b'{"value": 36.5, "time": 1495715734508}') == Reading(
        value="36.5", time=1495715734508
    )


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'{"value": true, "time": 1}',
        b'{"value": "1", "time": "1"}',
        b'{"value": "1", "time": -1}',
        b'{"value": "1", "tmie": 1}',
        b'{"time": 1}',
        b"null",
    ],
)
def test_a_body_that_is_no_series_is_refused(body):
    with pytest.raises(ValidationError):
        SERIES.validate_json(body)


def test_a_status_is_on_off_or_err():
    assert Status.model_validate_json(b'{"value":"on","validDuration":450}').valid_duration == 450
    with pytest.raises(ValidationError):
        Status.model_validate_json(b'{"value":"maybe"}')
