"""The changes that the state on disk is made of: how each is written down, and taken up by the next process."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any
from zlib import crc32

import msgspec

from ferry.sandbox.fixtures import AuthClient
from ferry.sandbox.otosense.sensors import Sensor as OtoSenseSensor
from ferry.sandbox.otosense.sensors import Sensors
from ferry.sandbox.otosense.tokens import Grant
from ferry.sandbox.otosense.tokens import TokenDesk as OtoSenseDesk
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.accounts.tokens import Principal
from ferry.sandbox.thingplus.accounts.tokens import TokenDesk as ThingPlusDesk
from ferry.sandbox.thingplus.fleet.entities import Device, Gateway, Sensor, Series, Status
from ferry.sandbox.thingplus.fleet.store import Store

DERIVED = frozenset({"devices", "sensors", "status", "series"})
PIECE = 10_000
"""Points of a series in one line of a snapshot."""


def written(kind: str, change: dict[str, Any]) -> bytes:
    """One line: the CRC of some JSON, and the JSON."""
    flat = {name: _flat(value) for name, value in change.items()}
    line = msgspec.json.encode((kind, flat))
    return b"%08x %s\n" % (crc32(line), line)


def _flat(value: Any) -> Any:
    if isinstance(value, (Gateway, Device, Sensor)):
        return {each.name: getattr(value, each.name) for each in fields(value) if each.name not in DERIVED}
    return value


@dataclass(slots=True)
class State:
    """Everything that outlives the process, in the parts that hold it."""

    store: Store
    accounts: Accounts
    sensors: Sensors
    thingplus_tokens: ThingPlusDesk
    otosense_tokens: OtoSenseDesk

    def snapshot(self) -> Iterator[bytes]:
        """The lines from which the present state can be made anew."""
        for tenant, client in self.accounts.created:
            yield written("client", {"tenant": tenant, "client": client})
        yield from self._tokens()
        for gateway in self.store.gateways.values():
            yield from _gateway(gateway)
        for sensor in self.sensors.claimed.values():
            yield written("otosense", {"sensor": sensor})

    def _tokens(self) -> Iterator[bytes]:
        yield written("key", {"key": self.thingplus_tokens.key.hex()})
        for token, who in self.thingplus_tokens.principals.items():
            yield written("token", {"token": token, "who": who})
        for key, who in self.thingplus_tokens.sessions.items():
            yield written("session", {"key": key, "who": who})
        for token, grant in self.otosense_tokens.grants.items():
            yield written("grant", {"token": token, "grant": grant})

    def apply(self, line: bytes) -> None:
        """Raises ValueError for a line that is damaged, and others where it does not fit those before it."""
        checksum, _, content = line.rstrip(b"\n").partition(b" ")
        if checksum != b"%08x" % crc32(content):
            raise ValueError("the line is damaged")
        kind, change = msgspec.json.decode(content)
        take = getattr(self, f"_take_{kind}")
        take(**change)

    def _take_gateway(self, gateway: dict[str, Any]) -> None:
        present = self.store.gateways.get(gateway["id"])
        if present is None:
            self.store.put_gateway(Gateway(**gateway))
            return
        for name, value in gateway.items():
            setattr(present, name, value)

    def _take_device(self, device: dict[str, Any]) -> None:
        self.store.put_device(self.store.gateways[device["owner"]], Device(**device))

    def _take_sensor(self, sensor: dict[str, Any]) -> None:
        gateway = self.store.gateways[sensor["owner"]]
        taken = Sensor(**sensor)
        present = gateway.sensors.get(taken.id)
        if present is not None:
            taken.status, taken.series = present.status, present.series
        self.store.put_sensor(gateway, taken)

    def _take_removed(self, gateway: str, device: str | None = None, sensor: str | None = None) -> None:
        owner = self.store.gateways[gateway]
        if sensor is not None:
            self.store.remove_sensor(owner, owner.sensors[sensor])
        elif device is not None:
            self.store.remove_device(owner, owner.devices[device])
        else:
            self.store.remove_gateway(owner)

    def _take_status(self, gateway: str, sensor: str | None, status: dict[str, Any]) -> None:
        owner = self.store.gateways[gateway]
        self.store.set_status(owner, owner.sensors[sensor] if sensor else None, Status(**status))

    def _take_points(self, gateway: str, sensor: str, id: str, at: int, points: list[Any]) -> None:  # noqa: A002 - the field's name
        self.store.add_points(self.store.gateways[gateway].sensors[sensor], points, at, id)

    def _take_series(
        self,
        gateway: str,
        sensor: str,
        leaf: dict[str, Any],
        times: list[int],
        arrivals: list[int],
        values: list[Any],
    ) -> None:
        owner = self.store.gateways[gateway].sensors[sensor]
        self.store.put_series(owner, Series(**leaf), array("q", times), array("q", arrivals), values)

    def _take_client(self, tenant: str, client: dict[str, Any]) -> None:
        """A tenant that the fixtures no longer have takes its clients with it."""
        made = msgspec.convert(client, AuthClient)
        if tenant in self.accounts.tenants and not self.accounts.has_client(made.id):
            self.accounts.add_client(tenant, made)

    def _take_key(self, key: str) -> None:
        self.thingplus_tokens.key = bytes.fromhex(key)

    def _take_token(self, token: str, who: dict[str, Any]) -> None:
        self.thingplus_tokens.keep_token(token, msgspec.convert(who, Principal))

    def _take_session(self, key: str, who: dict[str, Any] | None) -> None:
        """None: it was closed."""
        if who is None:
            self.thingplus_tokens.close_session(key)
        else:
            self.thingplus_tokens.keep_session(key, msgspec.convert(who, Principal))

    def _take_grant(self, token: str, grant: dict[str, Any]) -> None:
        self.otosense_tokens.keep_token(token, msgspec.convert(grant, Grant))

    def _take_revoked(self, cloud: str, tenant: str | None) -> None:
        desk = self.thingplus_tokens if cloud == "thingplus" else self.otosense_tokens
        desk.revoke(tenant)

    def _take_otosense(self, sensor: dict[str, Any]) -> None:
        self.sensors.add(OtoSenseSensor(**sensor))


def _gateway(gateway: Gateway) -> Iterator[bytes]:
    yield written("gateway", {"gateway": gateway})
    if gateway.status:
        yield written("status", {"gateway": gateway.id, "sensor": None, "status": gateway.status})
    for device in gateway.devices.values():
        yield written("device", {"device": device})
    for sensor in gateway.sensors.values():
        yield written("sensor", {"sensor": sensor})
        if sensor.status:
            yield written("status", {"gateway": gateway.id, "sensor": sensor.id, "status": sensor.status})
        if sensor.series:
            yield from _series(sensor, sensor.series)


def _series(sensor: Sensor, series: Series) -> Iterator[bytes]:
    leaf = {"id": series.id, "ctime": series.ctime, "mtime": series.mtime, "forgotten": series.forgotten}
    for start in range(0, len(series.times), PIECE):
        end = start + PIECE
        yield written(
            "series",
            {
                "gateway": sensor.owner,
                "sensor": sensor.id,
                "leaf": leaf,
                "times": series.times[start:end].tolist(),
                "arrivals": series.arrivals[start:end].tolist(),
                "values": series.values[start:end],
            },
        )
