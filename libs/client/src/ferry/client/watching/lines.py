"""One message of the bus as one line. Pure; whatever a publisher sends becomes text of bounded size."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ferry.contract import dead, subjects

Kind = Literal["reading", "status", "dead", "event", "delivery", "note"]
LARGEST = 4096
"""Characters of a body that are kept."""
PARSED = 64 * 1024
"""Largest body in bytes that is shown; of a larger one only the size is."""
SHOWN = 160
IDS = 128


@dataclass(frozen=True, slots=True)
class Line:
    """`text` for a person, `body` as it was sent, for a program: the first LARGEST characters of it."""

    kind: Kind
    text: str
    gateway: str | None = None
    sensor: str | None = None
    subject: str | None = None
    body: str | None = None
    cut: bool = False

    def plain(self) -> dict[str, Any]:
        """For JSON; what there is not is left out."""
        found = {
            "kind": self.kind,
            "gateway": self.gateway,
            "sensor": self.sensor,
            "subject": self.subject,
            "text": self.text,
            "body": self.body,
        }
        return {name: value for name, value in found.items() if value is not None} | (
            {"cut": True} if self.cut else {}
        )


def published(subject: str, body: bytes) -> Line:
    """What a publisher sent; a subject that the contract does not have is shown as it is."""
    kept, cut = _kept(body)
    try:
        address = subjects.parse_published(subject)
    except ValueError:
        whose = (subject.split(".") + [""] * 4)[3]
        text = f"{subject[:LARGEST]}: not in the contract"
        return Line("reading", text, whose[:IDS] or None, None, subject[:LARGEST], kept, cut)
    kind: Kind = "reading" if address.kind == "series" else "status"
    return Line(kind, _told(body), address.gateway, address.sensor, subject, kept, cut)


def dead_letter(subject: str, headers: Mapping[str, str] | None, body: bytes) -> Line:
    told = headers or {}
    kept, cut = _kept(body)
    *_, reason, gateway, sensor = subject.split(".")[-3:] if subject.count(".") > 1 else ("?", "?", "?")
    detail = told.get(dead.DETAIL, "")[:LARGEST]
    text = f"{reason}: {detail}" if detail else reason
    return Line("dead", text, _id(gateway), _id(sensor), told.get(dead.SUBJECT, subject)[:LARGEST], kept, cut)


def event(subject: str, body: bytes) -> Line:
    kept, cut = _kept(body)
    said = _object(body)
    *_, service, noun, verb = ("", "", "", *subject.split("."))
    name = f"{service} {noun} {verb}"[:LARGEST]
    gateway = (
        _word(said, "gateway") or _word(said, "owner") or (_word(said, "id") if noun == "gateway" else None)
    )
    sensor = (
        _word(said, "sensor") or _word(said, "sensorId") or (_word(said, "id") if noun == "sensor" else None)
    )
    rest = ", ".join(f"{key}: {_short(value)}" for key, value in list(said.items())[:12])
    return Line("event", f"{name}: {rest}" if rest else name, gateway, sensor, subject[:LARGEST], kept, cut)


def _told(body: bytes) -> str:
    """A reading, a status or an array of readings, in short."""
    if len(body) > PARSED:
        return f"{len(body)} bytes"
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return f"not JSON: {_text(body)[:SHOWN]}"
    if isinstance(said, list):
        return f"{len(said)} readings" + (f": {_one(said[0])} … {_one(said[-1])}" if said else "")
    return _one(said)


def _one(said: object) -> str:
    if not isinstance(said, dict) or "value" not in said:
        return _short(said)
    more = ", ".join(f"{key} {_short(value)}" for key, value in list(said.items())[:8] if key != "value")
    return _short(said["value"]) + (f" ({more})" if more else "")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else _dumped(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _dumped(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # such as an integer of too many digits
        return "?"


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body) if len(body) <= PARSED else None
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _word(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value[:IDS] if isinstance(value, str) else None


def _id(token: str) -> str | None:
    return None if token in {subjects.NO_SENSOR, "?"} else token[:IDS]


def _kept(body: bytes) -> tuple[str, bool]:
    text = _text(body[: 4 * LARGEST])
    return text[:LARGEST], len(body) > 4 * LARGEST or len(text) > LARGEST


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
