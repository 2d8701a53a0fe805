"""Everything that Thing+ has been told. Ids are unique in the whole cloud; a tenant sees its own part of it."""

import secrets
import string
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ferry.sandbox.state.note import Note, nothing_noted
from ferry.sandbox.thingplus.envelope import not_found, not_yours
from ferry.sandbox.thingplus.fleet.entities import Device, Gateway, Sensor, Series, Status

MOST_POINTS = 2_000_000
_ALPHABET = string.ascii_letters + string.digits


def leaf_id(kind: str) -> str:
    return f"{kind}.{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"


class Store:
    """Changes go through its methods, each of which is noted for the state on disk before it returns.

    With more than `most_points` points, every series forgets its older half: memory stays bounded.
    """

    def __init__(self, most_points: int = MOST_POINTS) -> None:
        self.gateways: dict[str, Gateway] = {}
        self.points = 0
        self.sent_again = 0
        """Points of refused PUTs that were there already: what a client delivered a second time."""
        self.note: Note = nothing_noted
        self._most_points = most_points
        self._stored_points = 0
        self._device_owners: dict[str, str] = {}
        self._sensor_owners: dict[str, str] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def clear(self) -> None:
        self.gateways.clear()
        self._device_owners.clear()
        self._sensor_owners.clear()
        self._counts.clear()
        self.points = self.sent_again = self._stored_points = 0

    def of_tenant(self, tenant: str | None) -> Iterator[Gateway]:
        return (each for each in self.gateways.values() if tenant is None or each.tenant == tenant)

    def gateway_count(self, *, tenant: str = "", site: str = "") -> int:
        return (
            self._counts["gateways of tenant", tenant] if tenant else self._counts["gateways of site", site]
        )

    def sensor_count(self, *, tenant: str = "", site: str = "") -> int:
        return self._counts["sensors of tenant", tenant] if tenant else self._counts["sensors of site", site]

    def gateway(self, tenant: str, name: str) -> Gateway:
        """Raises ThingPlusError: 404 for a bogus one, 403 for another tenant's."""
        found = self.gateways.get(name)
        if found is None:
            raise not_found("gateway", name)
        if found.tenant != tenant:
            raise not_yours("gateway", name)
        return found

    def device(self, tenant: str, gateway: str, name: str) -> Device:
        """Raises ThingPlusError: 404 where the gateway has none of that id, 403 where another tenant has."""
        found = self.gateway(tenant, gateway).devices.get(name)
        if found is None:
            raise self._absent("device", name, self._device_owners, tenant)
        return found

    def sensor(self, tenant: str, gateway: str, name: str) -> Sensor:
        """Raises ThingPlusError: 404 where the gateway has none of that id, 403 where another tenant has."""
        found = self.gateway(tenant, gateway).sensors.get(name)
        if found is None:
            raise self._absent("sensor", name, self._sensor_owners, tenant)
        return found

    def _absent(self, kind: str, name: str, owners: dict[str, str], tenant: str) -> Exception:
        owner = owners.get(name)
        if owner is not None and self.gateways[owner].tenant != tenant:
            return not_yours(kind, name)
        return not_found(kind, name)

    def has_device(self, name: str) -> bool:
        return name in self._device_owners

    def has_sensor(self, name: str) -> bool:
        return name in self._sensor_owners

    def put_gateway(self, gateway: Gateway) -> None:
        """A new gateway, or one that was changed."""
        if gateway.id not in self.gateways:
            self.gateways[gateway.id] = gateway
            self._count("gateways", gateway, 1)
        self.note("gateway", {"gateway": gateway})

    def put_device(self, gateway: Gateway, device: Device) -> None:
        gateway.devices[device.id] = device
        self._device_owners[device.id] = gateway.id
        self.note("device", {"device": device})

    def put_sensor(self, gateway: Gateway, sensor: Sensor) -> None:
        if sensor.id not in gateway.sensors:
            self._sensor_owners[sensor.id] = gateway.id
            self._count("sensors", gateway, 1)
        gateway.sensors[sensor.id] = sensor
        self.note("sensor", {"sensor": sensor})

    def remove_gateway(self, gateway: Gateway) -> None:
        """With everything that is in it."""
        for device in gateway.devices:
            del self._device_owners[device]
        for sensor in list(gateway.sensors.values()):
            self._forget_sensor(gateway, sensor)
        del self.gateways[gateway.id]
        self._count("gateways", gateway, -1)
        self.note("removed", {"gateway": gateway.id})

    def remove_device(self, gateway: Gateway, device: Device) -> None:
        """With its sensors."""
        for sensor in [each for each in gateway.sensors.values() if each.device_id == device.id]:
            self._forget_sensor(gateway, sensor)
        del gateway.devices[device.id], self._device_owners[device.id]
        self.note("removed", {"gateway": gateway.id, "device": device.id})

    def remove_sensor(self, gateway: Gateway, sensor: Sensor) -> None:
        self._forget_sensor(gateway, sensor)
        self.note("removed", {"gateway": gateway.id, "sensor": sensor.id})

    def _forget_sensor(self, gateway: Gateway, sensor: Sensor) -> None:
        if sensor.series:
            self._stored_points -= len(sensor.series.times)
        del gateway.sensors[sensor.id], self._sensor_owners[sensor.id]
        self._count("sensors", gateway, -1)

    def _count(self, kind: str, gateway: Gateway, by: int) -> None:
        self._counts[f"{kind} of tenant", gateway.tenant] += by
        self._counts[f"{kind} of site", gateway.site] += by

    def set_status(self, gateway: Gateway, sensor: Sensor | None, status: Status) -> None:
        owner: Gateway | Sensor = gateway if sensor is None else sensor
        owner.status = status
        self.note("status", {"gateway": gateway.id, "sensor": sensor and sensor.id, "status": status})

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
        self._stored_points += len(points)
        if self._stored_points > self._most_points:
            self._forget_points()
        change = {"gateway": sensor.owner, "sensor": sensor.id, "id": series.id, "at": at, "points": points}
        self.note("points", change)
        return series

    def put_series(
        self,
        sensor: Sensor,
        leaf: Series,
        times: "array[int]",
        arrivals: "array[int]",
        values: list[Any],
    ) -> None:
        """A part of a series as an earlier process left it: the first, or one that follows."""
        series = sensor.series
        if series is None:
            series = sensor.series = leaf
            self.points += leaf.forgotten
        series.times += times
        series.arrivals += arrivals
        series.values += values
        self.points += len(times)
        self._stored_points += len(times)

    def _forget_points(self) -> None:
        for gateway in self.gateways.values():
            for sensor in gateway.sensors.values():
                if sensor.series:
                    self._stored_points -= sensor.series.forget_older_half()
