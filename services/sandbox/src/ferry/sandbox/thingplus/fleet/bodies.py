"""What may stand in a request's body: strict, for Thing+ refuses unknown keys and wrong types."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from ferry.sandbox.fixtures import Scope
from ferry.sandbox.thingplus.envelope import ThingPlusError, bad_schema

T = TypeVar("T")
Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~-]{1,128}$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Time = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Interval = Annotated[int, msgspec.Meta(ge=60_000, le=604_800_000)]
Duration = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class WithId(Body, rename="camel", kw_only=True):
    """`reqId` is the guide's name of it, `id` an older client's."""

    req_id: Id | None = None
    id: Id | None = None

    @property
    def wanted_id(self) -> str:
        wanted = self.req_id or self.id
        if wanted is None:
            raise bad_schema("reqId is required")
        if self.req_id and self.id and self.req_id != self.id:
            raise bad_schema("reqId and id differ")
        return wanted


class NewAuthClient(WithId, kw_only=True):
    name: Name
    clientSecret: Word  # noqa: N815 - the wire's own name, for the record to mask
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)]


class NewDevice(WithId, kw_only=True):
    name: Name
    model: Word


class NewSensor(WithId, rename="camel", kw_only=True):
    name: Name
    type: Word
    driver_name: Word
    model: Word
    category: Word
    device_id: Word


class GatewayParams(Body, rename="camel", kw_only=True):
    name: Name
    model: Word
    site_id: Word
    report_interval: Interval | None = None
    devices: Annotated[list[NewDevice], msgspec.Meta(max_length=1000)] = []
    sensors: Annotated[list[NewSensor], msgspec.Meta(max_length=10_000)] = []


class NewGateway(WithId, kw_only=True):
    params: GatewayParams


class StatusReport(Body, rename="camel", kw_only=True):
    """`validDuration` (seconds) is the guide's name of it, `timeout` an older client's."""

    value: Literal["on", "off", "err"]
    valid_duration: Duration | None = None
    timeout: Duration | None = None


class Point(msgspec.Struct, forbid_unknown_fields=True):
    value: str | dict[str, Any]
    time: Time


class Login(Body, rename="camel", kw_only=True):
    login_id: Word
    password: Word


_POINTS = msgspec.json.Decoder(list[Point])
_POINT = msgspec.json.Decoder(Point)


def decode(body: bytes, shape: type[T]) -> T:
    """Raises ThingPlusError: JSON_PARSING for no JSON, SCHEMA_VALIDATE for JSON of another shape."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _refused(problem) from None


def decode_points(body: bytes) -> tuple[list[Point], bool]:
    """The points of a series body, and whether they came as an array."""
    try:
        if body.lstrip()[:1] == b"[":
            return _POINTS.decode(body), True
        return [_POINT.decode(body)], False
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _refused(problem) from None


def _refused(problem: Exception) -> ThingPlusError:
    if isinstance(problem, msgspec.ValidationError):
        return bad_schema(str(problem))
    return ThingPlusError(400, "JSON_PARSING", str(problem))
