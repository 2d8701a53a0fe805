"""What was asked and answered: a bounded ring of requests, and counters that never forget. Never a secret."""

import json
import re
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

KEPT = 5000
BODY_KEPT = 2000
_NAME = re.compile(r"[A-Za-z_][\w.\[\]-]*")
MASK = "***"
SECRET_NAMES = frozenset({"client_secret", "clientsecret", "password", "access_token", "refresh_token"})
SECRET_HEADERS = frozenset({b"authorization", b"cookie", b"proxy-authorization"})
SECRET_ROUTES = frozenset(
    {
        *("/v2/login", "/v2/logout", "/v2/authClients", "/v2/oauth2/authClients"),
        *("/v2/oauth2/token", "/otosense/oauth/token"),
    }
)


@dataclass(slots=True)
class Record:
    number: int
    at: int
    method: str
    path: str
    query: bytes
    route: str
    cloud: str
    tenant: str
    status: int | None
    duration_ms: float
    faults: list[str]
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def shown(self) -> dict[str, Any]:
        return {
            "n": self.number,
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "query": _masked_form(self.query.decode("latin-1")),
            "route": self.route,
            "cloud": self.cloud,
            "tenant": self.tenant,
            "status": self.status,
            "ms": round(self.duration_ms, 3),
            "faults": self.faults,
            "headers": {
                name.decode("latin-1"): MASK if name in SECRET_HEADERS else value.decode("latin-1")
                for name, value in self.headers
            },
            "body": self.body.decode("utf-8", "replace"),
        }


class Recorder:
    def __init__(self) -> None:
        self.records: deque[Record] = deque(maxlen=KEPT)
        self.counts: Counter[tuple[str, str, int | None]] = Counter()
        self.number = 0

    def clear(self) -> None:
        self.records.clear()
        self.counts.clear()

    def keep(self, record: Record) -> None:
        self.number += 1
        record.number = self.number
        if record.body:
            record.body = _kept_body(record.route, record.body)
        self.records.append(record)
        self.counts[record.method, record.route or "(none)", record.status] += 1

    def since(self, number: int, limit: int) -> list[dict[str, Any]]:
        """Records after `number`, oldest first; the newest `limit` of them."""
        return [record.shown() for record in list(self.records)[-limit:] if record.number > number]

    def find(self, limit: int, path: str, status: str) -> list[dict[str, Any]]:
        """Newest first; `path` is a part of the path, `status` a number or a class such as 5xx."""
        found: list[dict[str, Any]] = []
        for record in reversed(self.records):
            if len(found) >= limit:
                break
            if path in record.path and _has_status(record.status, status):
                found.append(record.shown())
        return found


def _has_status(status: int | None, wanted: str) -> bool:
    if not wanted:
        return True
    return str(status) == wanted or (wanted.endswith("xx") and str(status)[:1] == wanted[0])


def _kept_body(route: str, body: bytes) -> bytes:
    if route in SECRET_ROUTES or not route:
        return _masked_body(body)[:BODY_KEPT]
    return body[:BODY_KEPT]


def _masked_body(body: bytes) -> bytes:
    """Whatever cannot be taken apart is dropped: it might be a secret with a typing error around it."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        try:
            return _masked_form(body.decode()).encode()
        except ValueError:
            return MASK.encode()
    if not isinstance(content, dict):
        return MASK.encode()
    return json.dumps({name: MASK if _secret(name) else value for name, value in content.items()}).encode()


def _masked_form(text: str) -> str:
    if not text:
        return ""
    pairs = parse_qsl(text, keep_blank_values=True)
    if not pairs or not all(_NAME.fullmatch(name) for name, _ in pairs):
        return MASK
    return urlencode([(name, MASK if _secret(name) else value) for name, value in pairs], safe="*")


def _secret(name: str) -> bool:
    return name.lower() in SECRET_NAMES
