"""A request's JSON body as a value of the shape that a path takes, and what the shapes have in common."""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from ferry.sandbox.thingplus.envelope import ThingPlusError, bad_schema

T = TypeVar("T")
Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~-]{1,128}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class WithId:
    """`reqId` is the guide's name of it, `id` an older client's: one of the two.

    A mixin, since a Struct has one base: who takes it declares both fields. A part without an id is a mistake in the
    schema, so that nothing of its gateway is made.
    """

    __slots__ = ()
    req_id: str | UnsetType
    id: str | UnsetType

    def __post_init__(self) -> None:
        _ = self.wanted_id

    @property
    def wanted_id(self) -> str:
        if self.req_id is not UNSET and self.id is not UNSET:
            raise bad_schema("reqId and id are two names of the same: send one")
        if self.req_id is not UNSET:
            return self.req_id
        if self.id is not UNSET:
            return self.id
        raise bad_schema("reqId is required")


def decode(body: bytes, shape: type[T]) -> T:
    """Raises ThingPlusError: JSON_PARSING for no JSON, SCHEMA_VALIDATE for JSON of another shape."""
    decoder = _decoders.get(shape)
    if decoder is None:
        decoder = _decoders[shape] = msgspec.json.Decoder(shape)
    try:
        found: T = decoder.decode(body)
    except msgspec.ValidationError as problem:
        raise bad_schema(str(problem)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ThingPlusError(400, "JSON_PARSING", str(problem)) from None
    return found
