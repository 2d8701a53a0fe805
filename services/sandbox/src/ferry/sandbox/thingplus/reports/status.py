"""Guide, chapter 8: the status of a gateway or a sensor, and until when it is valid."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from ferry.sandbox.clock import Clock
from ferry.sandbox.thingplus.envelope import bad_schema
from ferry.sandbox.thingplus.fleet.entities import Gateway, Sensor, Status
from ferry.sandbox.thingplus.fleet.shown import status_leaf, stored_gateway
from ferry.sandbox.thingplus.fleet.store import Store, leaf_id

Duration = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class StatusReport(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """`validDuration` (in s) is the guide's name of it, `timeout` an older client's: one of the two."""

    value: Literal["on", "off", "err"]
    valid_duration: Duration | UnsetType = UNSET
    timeout: Duration | UnsetType = UNSET

    def __post_init__(self) -> None:
        _ = self.duration_s

    @property
    def duration_s(self) -> int:
        if self.valid_duration is not UNSET and self.timeout is not UNSET:
            raise bad_schema("validDuration and timeout are two names of the same: send one")
        if self.valid_duration is not UNSET:
            return self.valid_duration
        if self.timeout is not UNSET:
            return self.timeout
        raise bad_schema("validDuration is required")


class StatusReports:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def of_gateway(self, tenant: str, name: str, report: StatusReport) -> dict[str, Any]:
        """The first report answers with the gateway, later ones with the status leaf."""
        gateway = self._store.gateway(tenant, name)
        first = gateway.status is None
        status = self._status(gateway, "gateway", report)
        self._store.set_status(gateway, None, status)
        return stored_gateway(gateway) if first else status_leaf(status, gateway)

    def of_sensor(self, tenant: str, gateway: str, name: str, report: StatusReport) -> dict[str, Any]:
        sensor = self._store.sensor(tenant, gateway, name)
        status = self._status(sensor, "sensor", report)
        self._store.set_status(self._store.gateways[gateway], sensor, status)
        return status_leaf(status, sensor)

    def _status(self, owner: Gateway | Sensor, kind: str, report: StatusReport) -> Status:
        now = self._clock.now_ms()
        expire_at = now + report.duration_s * 1000
        last = owner.status
        if last is None:
            return Status(leaf_id(f"status.{kind}"), report.value, now, expire_at, now, now, now)
        vtime = last.vtime if last.value == report.value else now
        return Status(last.id, report.value, now, expire_at, vtime, now, last.ctime)
