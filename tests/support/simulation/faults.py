"""Every fault by its kind: which dead letters it may cause, and how long its victims may be late after it."""

from collections.abc import Iterator
from dataclasses import dataclass

from simulation.plan import Fault

PERSISTENT = frozenset({"retries_exhausted", "unverified"})
"""What a lane that fails alone may end in, once its budget is spent."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`at_once`: dead letters that it may cause at once; `spent`: those after the retry budget.

    `recovery_s`: how long after its end a victim may still be late.
    """

    where: str
    at_once: frozenset[str] = frozenset()
    spent: frozenset[str] = PERSISTENT
    recovery_s: float = 15.0


_UNKNOWN = frozenset({"unknown_sensor", "unverified"})
_REFUSED = frozenset({"refused", "unverified", "out_of_order"})
CLOUD = (
    *("html_200", "empty_200", "200_with_500", "other_json", "html_404", "html_403", "redirect"),
    *("403", "409", "408", "429", "444", "471", "need_login", "500", "502", "503", "504", "600", "db_400"),
    *("blackhole", "reset", "commit_then_reset", "commit_then_blackhole", "commit_then_html", "slow"),
)
"""Answers that say nothing of the reading."""
KINDS: dict[str, Kind] = {
    **{kind: Kind("cloud") for kind in CLOUD},
    "404": Kind("cloud", at_once=_UNKNOWN | {"unknown_gateway"}),
    "400": Kind("cloud", at_once=_REFUSED),
    "200_with_400": Kind("cloud", at_once=_REFUSED),
    "413": Kind("cloud", at_once=_REFUSED),
    "read_back_403": Kind("read_back"),
    "read_back_surprise": Kind("read_back"),
    "sensor_gone": Kind("cloud_state", at_once=_UNKNOWN),
    "gateway_gone": Kind("cloud_state", at_once=_UNKNOWN | {"unknown_gateway"}),
    "no_token": Kind("tokens"),
    "revoked": Kind("tokens", recovery_s=5.0),
    "registry_silent": Kind("registry"),
    "registry_unfilled": Kind("registry"),
    "dead_full": Kind("dead", recovery_s=40.0),
    "dead_slow": Kind("dead", recovery_s=40.0),
    "dead_unconfirmed": Kind("dead", recovery_s=40.0),
    "kill": Kind("replica", recovery_s=20.0),
    "pause": Kind("replica", recovery_s=20.0),
    "restart": Kind("replica", recovery_s=10.0),
    "join": Kind("replica", recovery_s=5.0),
    "cut_off": Kind("replica", recovery_s=25.0),
    "lost_delivery": Kind("bus", recovery_s=15.0),
    "lost_ack": Kind("bus", recovery_s=0.0),
    "redelivery": Kind("bus", recovery_s=0.0),
    "api_silent": Kind("bus", recovery_s=20.0),
    "direct_behind": Kind("bus", recovery_s=5.0),
    "deaf": Kind("bus", recovery_s=20.0),
    "purge": Kind("bus", recovery_s=5.0),
    "bus_clock": Kind("bus", recovery_s=5.0),
}


def recovery_s(fault: Fault, pause_max_s: float) -> float:
    kind = KINDS[fault.kind]
    paused_s = min(fault.retry_after_s or 0.0, pause_max_s)
    answer_s = 15.0 if "blackhole" in fault.kind or fault.kind == "slow" else 0.0
    return kind.recovery_s + paused_s * 1.5 + answer_s


def meeting(faults: list[Fault], gateway: str, sensor: str | None) -> Iterator[Fault]:
    return (fault for fault in faults if fault.meets(gateway, sensor))
