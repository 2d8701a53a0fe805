"""What a NATS user may do, according to the lists that the server reports."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ferry.client.connection import covers
from ferry.contract import subjects, topology

INFO = "$SYS.REQ.USER.INFO"
Subjects = Annotated[tuple[str, ...], Field(max_length=10_000)]

PUBLISH = {
    "see the state": (subjects.AUTH_STATE_GET, subjects.TELEMETRY_STATE_GET, "$SRV.STATS"),
    "read dead letters": (subjects.TELEMETRY_DEAD_LIST, subjects.TELEMETRY_DEAD_GET),
    "replay and discard dead letters": (subjects.TELEMETRY_DEAD_REPLAY, subjects.TELEMETRY_DEAD_DISCARD),
    "register the fleet": (subjects.REGISTRY_GATEWAYS_REGISTER, subjects.REGISTRY_SENSORS_REGISTER),
    "claim motor sensors": (subjects.OTOSENSE_SENSORS_PROVISION,),
    "look at streams": (f"$JS.API.STREAM.INFO.{topology.READINGS.name}",),
    "change streams": (
        f"$JS.API.STREAM.CREATE.{topology.READINGS.name}",
        f"$JS.API.STREAM.UPDATE.{topology.READINGS.name}",
    ),
    "publish readings of every gateway": (f"{subjects.PREFIX}.gateways.any.sensors.any.series",),
}
WATCH = (f"{subjects.PREFIX}.gateways.any.sensors.any.series", f"{subjects.PREFIX}.dead.any.any.any")


class Lists(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    allow: Subjects | None = None
    deny: Subjects = ()

    def permit(self, subject: str) -> bool:
        allowed = self.allow is None or any(covers(one, subject) for one in self.allow)
        return allowed and not any(covers(one, subject) for one in self.deny)


class Permissions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    publish: Lists = Lists()
    subscribe: Lists = Lists()


class User(BaseModel):
    """Without `permissions` it may do everything in its account."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user: str = ""
    account: str = ""
    permissions: Permissions = Permissions()

    def may(self) -> tuple[list[str], list[str]]:
        """What of Ferry's work it may do, and what not."""
        able = {words: all(map(self.permissions.publish.permit, needed)) for words, needed in PUBLISH.items()}
        able["watch"] = all(map(self.permissions.subscribe.permit, WATCH))
        return [one for one, may in able.items() if may], [one for one, may in able.items() if not may]


def read(told: dict[str, Any]) -> User:
    """Raises ValidationError for what is no answer to INFO."""
    return User.model_validate(told.get("data"))
