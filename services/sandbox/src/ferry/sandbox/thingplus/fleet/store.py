"""Everything that Thing+ has been told, found again by tenant."""

import secrets
import string
from collections.abc import Callable, Iterator
from typing import Any

from ferry.sandbox.thingplus.envelope import not_found, not_yours
from ferry.sandbox.thingplus.fleet.entities import Device, Gateway, Sensor, Series, Status

Journal = Callable[[str, dict[str, Any]], None]
_ALPHABET = string.ascii_letters + string.digits


def leaf_id(kind: str) -> str:
    return f"{kind}.{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"


class Store:
    """Changes go through its methods, each of which tells the journal before it returns."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.gateways: dict[str, Gateway] = {}
        self.points = 0
        self.sent_again = 0
        """Points of refused PUTs that were there already: what a client delivered a second time."""
        self._sensors: dict[str, int] = {}
        self._gateways: dict[str, int] = {}
        self._journal = journal

    def set_journal(self, journal: Journal) -> None:
        self._journal = journal

    def clear(self) -> None:
        self.gateways.clear()
        self._sensors.clear()
        self._gateways.clear()
        self.points = self.sent_again = 0
        self._note("reset", {})

    def of_tenant(self, tenant: str | None) -> Iterator[Gateway]:
        return (each for each in self.gateways.values() if tenant is None or each.tenant == tenant)

    def gateway_count(self, tenant: str) -> int:
        return self._gateways.get(tenant, 0)

    def sensor_count(self, tenant: str) -> int:
        return self._sensors.get(tenant, 0)

    def gateway(self, tenant: str, name: str) -> Gateway:
        """Raises ThingPlusError: 404 for a bogus one, 403 for someone else's."""
        found = self.gateways.get(name)
        if found is None:
            raise not_found("gateway", name)
        if found.tenant != tenant:
            raise not_yours("gateway", name)
        return found

    def sensor(self, tenant: str, gateway: str, name: str) -> Sensor:
        found = self.gateway(tenant, gateway).sensors.get(name)
        if found is None:
            raise not_found("sensor", name)
        return found

    def add_gateway(self, gateway: Gateway) -> None:
        self.gateways[gateway.id] = gateway
        self._gateways[gateway.tenant] = self.gateway_count(gateway.tenant) + 1
        self._note("gateway", {"gateway": gateway})

    def add_device(self, gateway: Gateway, device: Device) -> None:
        gateway.devices[device.id] = device
        self._note("device", {"device": device})

    def add_sensor(self, gateway: Gateway, sensor: Sensor) -> None:
        gateway.sensors[sensor.id] = sensor
        self._sensors[gateway.tenant] = self.sensor_count(gateway.tenant) + 1
        self._note("sensor", {"sensor": sensor})

    def set_status(self, gateway: Gateway, sensor: Sensor | None, status: Status) -> None:
        owner: Gateway | Sensor = gateway if sensor is None else sensor
        owner.status = status
        if self._journal:
            self._note("status", {"gateway": gateway.id, "sensor": sensor and sensor.id, "status": status})

    def add_points(self, sensor: Sensor, points: list[tuple[int, Any]], at: int, series_id: str) -> Series:
        series = sensor.series
        if series is None:
            series = sensor.series = Series(series_id, ctime=at, mtime=at)
        for time, value in points:
            series.times.append(time)
            series.arrivals.append(at)
            series.values.append(value)
        series.mtime = sensor.mtime = at
        self.points += len(points)
        if self._journal:
            change = {"gateway": sensor.owner, "sensor": sensor.id, "id": series.id, "at": at}
            self._note("points", change | {"points": points})
        return series

    def _note(self, kind: str, change: dict[str, Any]) -> None:
        if self._journal:
            self._journal(kind, change)
