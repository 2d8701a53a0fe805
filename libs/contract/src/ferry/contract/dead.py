"""Dead letters: the original body, with everything else in headers."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a publication cannot reach its cloud."""

    INVALID_SUBJECT = "invalid_subject"
    INVALID_BODY = "invalid_body"
    INVALID_VALUE = "invalid_value"
    INVALID_TIME = "invalid_time"
    """Before the year 2000, unless set otherwise."""
    FUTURE_TIME = "future_time"
    """Too far ahead of the bus's clock: Thing+ would refuse every reading until then."""
    OUT_OF_ORDER = "out_of_order"
    REFUSED = "refused"
    UNVERIFIED = "unverified"
    """It may have been delivered, and the cloud could not be asked."""
    RETRIES_EXHAUSTED = "retries_exhausted"
    UNKNOWN_SENSOR = "unknown_sensor"
    UNKNOWN_GATEWAY = "unknown_gateway"
    RETIRED_SENSOR = "retired_sensor"


REASON = "Ferry-Reason"
DETAIL = "Ferry-Detail"
HTTP_STATUS = "Ferry-Http-Status"
SUBJECT = "Ferry-Subject"
ATTEMPTS = "Ferry-Attempts"
SEQUENCE = "Ferry-Sequence"
"""The sequence in FERRY_READINGS: the same for every copy of one dead letter."""
PUBLISHED_AT = "Ferry-Published-At"
"""Unix ms, by the server. On a replayed publication, the time at which the bus first stored it: it only ever
moves a publication back in time, so forging it gains nothing."""
DEAD_AT = "Ferry-Dead-At"
"""Unix ms."""
INDEXES = "Ferry-Indexes"
"""The elements of an array that could not be delivered, such as `1,4`; the others were."""
TRACEPARENT = "traceparent"
