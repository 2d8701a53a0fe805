"""Reserved ids that have no entity yet. They expire."""

import hashlib

from nats.js import JetStreamContext
from pydantic import ValidationError

from ferry.contract.ids import EntityId
from ferry.contract.model import Message
from ferry.contract.registry import Place
from ferry.registry.bucket.records import read, write

KEPT_S = 7 * 86_400
"""A request that is repeated within this gets the same id."""
GIVEN_UP_S = 1
PREFIX = "reserved."


class Reservation(Message):
    id: EntityId
    place: Place


class Reservations:
    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def get(self, place: Place) -> tuple[EntityId | None, int]:
        """The id and the revision; no id when there is none, or what is there means nothing."""
        body, revision = await read(self._jetstream, _key(place))
        try:
            found = Reservation.model_validate_json(body or b"")
        except ValidationError:
            return None, revision
        return (found.id if found.place == place else None), revision

    async def put(self, place: Place, entity: EntityId, revision: int) -> None:
        """Raises ConflictError when the place is not at `revision` any more."""
        body = Reservation(id=entity, place=place).model_dump_json(exclude_none=True).encode()
        await write(self._jetstream, _key(place), body, revision, expires_s=KEPT_S)

    async def give_up(self, place: Place) -> None:
        await write(self._jetstream, _key(place), b"", None, expires_s=GIVEN_UP_S)


def _key(place: Place) -> str:
    """Names are of any alphabet and length, keys are not."""
    plain = place.model_dump_json(exclude_none=True).encode()
    return PREFIX + hashlib.sha256(plain).hexdigest()[:40]
