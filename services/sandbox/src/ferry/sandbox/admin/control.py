"""The sandbox seen from outside the clouds: what arrived, and what is to be different from now on."""

from itertools import islice
from typing import Annotated, Any, Literal

import msgspec

from ferry.sandbox.admin.recorder import Recorder
from ferry.sandbox.clock import Clock
from ferry.sandbox.faults.armed import Faults
from ferry.sandbox.fixtures import Plan, UserState
from ferry.sandbox.otosense.sensors import DELAYS_S
from ferry.sandbox.state.changes import State
from ferry.sandbox.state.journal import Journal
from ferry.sandbox.thingplus.fleet.entities import NEVER, Gateway, Sensor, Status
from ferry.sandbox.thingplus.reading.formats import SeriesFormat, Shape, Times, Values
from ferry.sandbox.web.refusal import RefusalError

Seconds = Annotated[float, msgspec.Meta(gt=0, le=10**9)]


class TokenChange(msgspec.Struct, forbid_unknown_fields=True):
    """For tokens issued from now on. Without `omit_expires_in` each cloud does what its guide shows."""

    thingplus_ttl_s: Seconds | None = None
    otosense_ttl_s: Seconds | None = None
    omit_expires_in: bool | None = None
    expires_in_as_string: bool | None = None
    clock_skew_s: float | None = None


class CredentialChange(msgspec.Struct, forbid_unknown_fields=True):
    tenant: str
    cloud: Literal["thingplus", "otosense"] = "thingplus"
    client_secret: str | None = None
    password: str | None = None
    user: UserState | None = None
    enabled: bool | None = None


class SeriesChange(msgspec.Struct, forbid_unknown_fields=True):
    """How series are read from now on; what is left out stays."""

    shape: Shape | None = None
    values: Values | None = None
    times: Times | None = None


class Control:
    def __init__(
        self,
        clock: Clock,
        faults: Faults,
        recorder: Recorder,
        state: State,
        series_format: SeriesFormat,
    ) -> None:
        self.clock = clock
        self.faults = faults
        self.recorder = recorder
        self.journal: Journal | None = None
        self._state = state
        self._thingplus = state.thingplus_tokens
        self._otosense = state.otosense_tokens
        self._series_format = series_format

    def points(self, tenant: str | None) -> dict[str, Any]:
        counts = {
            f"{gateway.id}/{sensor.id}": sensor.series.count
            for gateway in self._state.store.of_tenant(tenant)
            for sensor in gateway.sensors.values()
            if sensor.series
        }
        return {"total": sum(counts.values()), "sensors": counts}

    def series(self, gateway: str, sensor: str, last: int | None = None) -> list[dict[str, Any]] | None:
        """Every stored point, or the `last` of them, in the order of arrival, which was `at`, in Unix ms."""
        owner = self._state.store.gateways.get(gateway)
        found = owner.sensors.get(sensor) if owner else None
        if found is None:
            return None
        series = found.series
        if series is None:
            return []
        start = 0 if last is None else max(0, len(series.times) - last)
        columns = (series.times[start:], series.values[start:], series.arrivals[start:])
        rows = zip(*columns, strict=True)
        return [{"time": time, "value": value, "at": at} for time, value, at in rows]

    def counters(self) -> dict[str, Any]:
        return {
            "requests": [
                {"method": method, "route": route, "status": status, "count": count}
                for (method, route, status), count in sorted(
                    self.recorder.counts.items(), key=lambda entry: (entry[0][1], str(entry[0]))
                )
            ],
            "tokens_issued": {"thingplus": self._thingplus.issued, "otosense": self._otosense.issued},
            "points": self._state.store.points,
            "points_sent_again": self._state.store.sent_again,
            "gateways": len(self._state.store.gateways),
            "devices": sum(len(gateway.devices) for gateway in self._state.store.gateways.values()),
            "sensors": sum(len(gateway.sensors) for gateway in self._state.store.gateways.values()),
            "otosense_sensors": len(self._state.sensors.claimed),
        }

    def revoke(self, cloud: str | None, tenant: str | None) -> int:
        revoked = 0
        if cloud in {None, "thingplus"}:
            revoked += self._thingplus.revoke(tenant)
        if cloud in {None, "otosense"}:
            revoked += self._otosense.revoke(tenant)
        return revoked

    def set_tokens(self, change: TokenChange) -> dict[str, Any]:
        thingplus, otosense = self._thingplus.rules, self._otosense.rules
        if change.thingplus_ttl_s is not None:
            thingplus.ttl_s = change.thingplus_ttl_s
        if change.otosense_ttl_s is not None:
            otosense.ttl_s = change.otosense_ttl_s
        if change.omit_expires_in is not None:
            thingplus.expires_in = otosense.expires_in = not change.omit_expires_in
        if change.expires_in_as_string is not None:
            otosense.expires_in_as_string = change.expires_in_as_string
        if change.clock_skew_s is not None:
            thingplus.clock_skew_s = change.clock_skew_s
        return {"thingplus_ttl_s": thingplus.ttl_s, "otosense_ttl_s": otosense.ttl_s}

    def set_credentials(self, change: CredentialChange) -> dict[str, Any]:
        """Changes every client or user of the tenant; tokens that are out stay good until revoked."""
        tenants: dict[str, Any] = (
            self._state.accounts.tenants if change.cloud == "thingplus" else self._otosense.tenants
        )
        tenant = tenants.get(change.tenant)
        if tenant is None:
            raise RefusalError(404, {"message": f"no tenant {change.tenant!r}; one of {sorted(tenants)}"})
        for client in tenant.clients:
            client.secret = client.secret if change.client_secret is None else change.client_secret
            if change.cloud == "otosense" and change.enabled is not None:
                client.enabled = change.enabled
        for user in getattr(tenant, "users", ()):
            user.password = user.password if change.password is None else change.password
            user.state = user.state if change.user is None else change.user
        return {"tenant": change.tenant, "cloud": change.cloud}

    def series_format(self) -> SeriesFormat:
        return self._series_format

    def set_series_format(self, change: SeriesChange) -> SeriesFormat:
        for name, wanted in msgspec.structs.asdict(change).items():
            if wanted is not None:
                setattr(self._series_format, name, wanted)
        return self._series_format

    def connect(self, sensor_id: str, plan: Plan | None, delay_s: float) -> None:
        self._state.sensors.connect(sensor_id, delay_s if plan is None else DELAYS_S[plan])

    def reset(self) -> None:
        """Everything that arrived is forgotten; accounts, tokens and settings stay."""
        self._state.store.clear()
        self._state.sensors.clear()
        self.recorder.clear()
        self.faults.remove(None)
        if self.journal is not None:
            self.journal.rewrite()

    def state(self) -> dict[str, Any]:
        """Where the state is kept, and what went wrong with it, in words."""
        journal = self.journal
        return {
            "file": None if journal is None else str(journal.path),
            "problem": None if journal is None else journal.problem,
            "set_aside": None if journal is None or journal.set_aside is None else str(journal.set_aside),
        }

    def fleet(self, find: str, limit: int) -> dict[str, Any]:
        """What the page shows: the gateways that `find` fits, with their sensors and states, up to `limit` each."""
        found = [
            gateway
            for gateway in self._state.store.gateways.values()
            if find in gateway.id
            or find in gateway.name
            or any(find in sensor.id or find in sensor.name for sensor in gateway.sensors.values())
        ]
        claimed = [each for each in self._state.sensors.claimed.values() if find in each.sensor_id]
        now = self.clock.now_ms()
        return {
            "now": now,
            "total": len(found),
            "gateways": [_shown_gateway(gateway, limit, now) for gateway in found[:limit]],
            "otosense": [
                self._state.sensors.get(sensor.tenant, sensor.sensor_id) | {"tenant": sensor.tenant}
                for sensor in claimed[:limit]
            ],
        }


def _shown_gateway(gateway: Gateway, limit: int, now: int) -> dict[str, Any]:
    return {
        "id": gateway.id,
        "name": gateway.name,
        "tenant": gateway.tenant,
        "devices": len(gateway.devices),
        "sensor_count": len(gateway.sensors),
        "status": _shown_status(gateway.status, now),
        "sensors": [_shown_sensor(sensor, now) for sensor in islice(gateway.sensors.values(), limit)],
    }


def _shown_sensor(sensor: Sensor, now: int) -> dict[str, Any]:
    return {
        "id": sensor.id,
        "name": sensor.name,
        "type": sensor.type,
        "status": _shown_status(sensor.status, now),
        "points": sensor.series.count if sensor.series else 0,
        "last": str(sensor.series.values[-1])[:40] if sensor.series else None,
    }


def _shown_status(status: Status | None, now: int) -> dict[str, Any] | None:
    if status is None:
        return None
    expired = status.expire_at != NEVER and status.expire_at <= now
    return {"value": status.value, "time": status.time, "expireAt": status.expire_at, "expired": expired}
