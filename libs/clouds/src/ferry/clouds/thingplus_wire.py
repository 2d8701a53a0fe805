"""Thing+ on the wire, without a transport: paths, and what an answer means, tolerant of all that was seen."""

import json
from dataclasses import dataclass
from typing import Any

from ferry.contract.ids import safe_id

BEARER_ERRORS = frozenset({"JsonWebTokenError", "TokenExpiredError", "NotBeforeError"})
RETRY_STATUSES = frozenset({408, 425, 429, 444, 504, 600})
MAX_WORDS = 300


def series_path(gateway: str, sensor: str) -> str:
    """Guide, chapter 9."""
    return f"/gateways/{safe_id(gateway)}/sensors/{safe_id(sensor)}/series"


def status_path(gateway: str, sensor: str | None) -> str:
    """Guide, chapter 8: a sensor's status, or its gateway's."""
    base = f"/gateways/{safe_id(gateway)}"
    return f"{base}/status" if sensor is None else f"{base}/sensors/{safe_id(sensor)}/status"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the cloud said to a request that it did not grant, in its own words."""

    status: int
    code: str
    message: str

    @property
    def words(self) -> str:
        return (
            f"{self.status} {self.code}: {self.message}".strip(": ")
            if self.code
            else f"{self.status} {self.message}"
        )

    @property
    def past_time(self) -> bool:
        """A time not after the sensor's last one is 400 INVALID_INPUT (facts); so is other bad input."""
        return self.status == 400 and self.code == "INVALID_INPUT"  # noqa: PLR2004 - HTTP's own number

    @property
    def bearer(self) -> bool:
        """The token is refused, in any of the shapes that were seen; 403 for "jwt malformed" among them."""
        return self.status == 401 or self.code in BEARER_ERRORS or "jwt " in self.message  # noqa: PLR2004

    @property
    def passing(self) -> bool:
        """Another try can help."""
        return self.status in RETRY_STATUSES or 500 <= self.status < 600 or self.status < 400  # noqa: PLR2004


def read_refusal(status: int, body: bytes) -> Refusal:
    """From an envelope, a TokenError, a bare string, or no JSON at all."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return Refusal(status, "", body[:MAX_WORDS].decode("utf-8", "replace"))
    if isinstance(said, str):
        return Refusal(status, "", said[:MAX_WORDS])
    if not isinstance(said, dict):
        return Refusal(status, "", "")
    errors = said.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = first.get("code") or said.get("code") or said.get("name") or ""
    message = first.get("message") or said.get("message") or ""
    if said.get("name") in BEARER_ERRORS:
        code = said["name"]
    return Refusal(status, str(code)[:64], str(message)[:MAX_WORDS])


def read_points(body: bytes) -> dict[int, Any]:
    """The points of a series answer by time in Unix ms; times and values come as strings or numbers."""
    said = json.loads(body)
    data = said.get("data") if isinstance(said, dict) else None
    leaves = data if isinstance(data, list) else [data]
    points: dict[int, Any] = {}
    for leaf in leaves:
        if not isinstance(leaf, dict):
            continue
        pack = leaf.get("seriesPack") or leaf.get("data") or []
        for item in [*(pack if isinstance(pack, list) else []), leaf]:
            if isinstance(item, dict) and "time" in item and "value" in item:
                points[int(item["time"])] = item["value"]
    return points
