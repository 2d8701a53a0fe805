"""What telemetry does, as lines: counts of each replica, and the single PUTs of a gateway or sensor that is watched."""

from pydantic import ValidationError

from ferry.client.watching.lines import IDS, LARGEST, Line
from ferry.contract.telemetry import Presence
from ferry.contract.watching import MAX_PUT_BODY, WatchedPut

COUNTED = {
    "delivered": ("delivered", "delivered"),
    "puts": ("PUT", "PUTs"),
    "retries": ("retry", "retries"),
    "dead": ("dead letter", "dead letters"),
    "expired": ("status expired", "statuses expired"),
}


class Deliveries:
    """What replicas of telemetry have done since their last heartbeat; so many replicas are followed at most."""

    MOST = 256

    def __init__(self) -> None:
        self._last: dict[str, Presence] = {}

    def since(self, body: bytes) -> Line | None:
        """None for a first heartbeat, for one without news, and for what is none."""
        try:
            now = Presence.model_validate_json(body)
        except (ValidationError, RecursionError):
            return None
        before = self._last.pop(now.replica, None)
        if len(self._last) >= self.MOST:
            self._last.pop(next(iter(self._last)))
        if not now.leaving:
            self._last[now.replica] = now
        return _difference(before, now) if before else None


def _difference(before: Presence, now: Presence) -> Line | None:
    changes = [
        f"{change} {one if change == 1 else more}"
        for name, (one, more) in COUNTED.items()
        if (change := getattr(now, name) - getattr(before, name)) > 0
    ]
    if now.breaker != before.breaker:
        cause = f" ({now.breaker_cause})" if now.breaker_cause else ""
        changes.append(f"circuit breaker {now.breaker.replace('_', ' ')}{cause}")
    changes += [one.what for one in now.failures if one not in before.failures]
    return Line("delivery", f"{now.replica}: {', '.join(changes)}"[:LARGEST]) if changes else None


def watched_put(body: bytes) -> Line | None:
    """None for what is none."""
    try:
        put = WatchedPut.model_validate_json(body)
    except (ValidationError, RecursionError):
        return None
    ended = f"HTTP {put.http_status}" if put.http_status is not None else f"no answer: {put.detail}"
    skipped = f"{put.skipped} PUTs not shown, then " if put.skipped else ""
    text = f"{skipped}PUT {put.kind}, {ended} after {put.took} ms: {put.body}"
    kept = put.body[:LARGEST]
    return Line(
        "delivery",
        text[:LARGEST],
        put.gateway[:IDS],
        put.sensor and put.sensor[:IDS],
        None,
        kept,
        len(put.body) >= MAX_PUT_BODY,
    )
