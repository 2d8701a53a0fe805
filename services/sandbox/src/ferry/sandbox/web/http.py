"""A request and its answer as values, and the table of routes; everything here is free of any server."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

JSON = b"application/json; charset=utf-8"


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    params: dict[str, str] = field(default_factory=dict)
    tenant: str = ""

    def header(self, name: bytes) -> str:
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    def arguments(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query.decode("latin-1"), keep_blank_values=True)

    def is_json(self) -> bool:
        """By its content type or, where a client names none, by its look."""
        kind = self.header(b"content-type")
        if "json" in kind:
            return True
        return self.body.lstrip()[:1] == b"{"

    def form(self) -> list[tuple[str, str]]:
        """Raises ValueError when the body is no form in UTF-8."""
        return parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=100)


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, status: int, content: Any, headers: Mapping[str, str] | None = None) -> "Answer":
        return cls(status, encode(content), JSON, header_pairs(headers or {}))


def header_pairs(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As they go onto the wire; what Latin-1 does not have is sent as UTF-8."""
    return [(name.lower().encode("latin-1"), _header_bytes(value)) for name, value in headers.items()]


def _header_bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def encode(content: Any) -> bytes:
    try:
        return msgspec.json.encode(content)
    except UnicodeEncodeError:
        return json.dumps(content).encode()


Handler = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    template: str
    handler: Handler
    cloud: str = ""


class Routes:
    """Routes by their number of segments; a segment in braces matches anything and becomes a parameter."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_shape: dict[int, list[tuple[list[str], dict[str, Route]]]] = {}
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        parts = route.template.split("/")
        group = self._by_shape.setdefault(len(parts), [])
        for present, methods in group:
            if present == parts:
                methods[route.method] = route
                return
        group.append((parts, {route.method: route}))
        group.sort(key=lambda entry: [part.startswith("{") for part in entry[0]])

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str], list[str]]:
        """The route and its parameters, or None and the methods that the path would allow."""
        given = path.split("/")
        for parts, methods in self._by_shape.get(len(given), []):
            params: dict[str, str] = {}
            for part, value in zip(parts, given, strict=True):
                if part[:1] == "{":
                    if not value:
                        break
                    params[part[1:-1]] = value
                elif part != value:
                    break
            else:
                return methods.get(method), params, sorted(methods)
        return None, {}, []
