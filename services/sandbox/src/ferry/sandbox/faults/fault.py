"""What a fault on purpose is, as the control API and scenario files write it."""

import re
from typing import Annotated, Any, Literal

import msgspec

Kind = Literal[
    "status",
    "latency",
    "reset_before",
    "reset_after",
    "blackhole",
    "slow_body",
    "cut_body",
    "malformed",
    "redirect",
    "huge",
]
NO_STATUS: frozenset[Kind] = frozenset({"latency", "reset_before", "reset_after", "blackhole"})
FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[^\x00\r\n]*")


class Match(msgspec.Struct, forbid_unknown_fields=True):
    cloud: Literal["thingplus", "otosense"] | None = None
    method: str | None = None
    path: str | None = None
    gateway: str | None = None
    sensor: str | None = None
    tenant: str | None = None


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`status` and `blackhole` may `commit` first; `latency` takes `ms` to `max_ms` by its `distribution`.

    `text` is a body as it stands, `body` one in JSON. `per_s` spares so many requests in each second from when it
    was armed: with 429 it is a rate limit.
    """

    kind: Kind
    match: Match = msgspec.field(default_factory=Match)
    status: Annotated[int, msgspec.Meta(ge=200, le=999)] = 503
    code: str = ""
    retry_after: str | int | None = None
    headers: dict[str, str] = {}
    content_type: str | None = None
    body: Any = msgspec.UNSET
    text: str | None = None
    commit: bool = False
    ms: Annotated[float, msgspec.Meta(ge=0, le=3_600_000)] = 100.0
    max_ms: Annotated[float, msgspec.Meta(ge=0, le=3_600_000)] | None = None
    distribution: Literal["fixed", "uniform", "exponential", "lognormal"] = "fixed"
    duration_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 30.0
    bytes: Annotated[int, msgspec.Meta(ge=1, le=1 << 30)] = 10_000_000
    location: str = "http://127.0.0.1:9/elsewhere"
    rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    per_s: Annotated[int, msgspec.Meta(ge=1)] | None = None
    seed: int = 0
    for_requests: Annotated[int, msgspec.Meta(ge=1)] | None = None
    for_s: Annotated[float, msgspec.Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        if self.text is not None and self.body is not msgspec.UNSET:
            raise ValueError("a fault has a body or a text, not both")
        for name, value in self.raw_headers().items():
            if _NAME.fullmatch(name) is None or name.lower() in FRAMING or _VALUE.fullmatch(value) is None:
                raise ValueError(
                    f"{name[:64]!r} is no header that an answer can have, or its value has a line end"
                )

    def raw_headers(self) -> dict[str, str]:
        """What is sent as it stands, whatever it says."""
        shown = dict(self.headers)
        if self.content_type is not None:
            shown["Content-Type"] = self.content_type
        if self.retry_after is not None:
            shown["Retry-After"] = str(self.retry_after)
        if self.kind == "redirect":
            shown["Location"] = self.location
        return shown
