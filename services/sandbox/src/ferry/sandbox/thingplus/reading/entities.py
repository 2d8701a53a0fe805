"""Entities as they are read, with what a query embeds in them."""

from typing import Any

from ferry.sandbox.thingplus.fleet.entities import Device, Gateway, Sensor
from ferry.sandbox.thingplus.fleet.shown import status_leaf, stored_device, stored_gateway, stored_sensor
from ferry.sandbox.thingplus.reading.formats import SeriesFormat, embedded
from ferry.sandbox.thingplus.reading.query import View
from ferry.sandbox.thingplus.reading.series import Range


class Shown:
    def __init__(self, series_format: SeriesFormat) -> None:
        self._series_format = series_format

    def gateway(self, gateway: Gateway, view: View) -> dict[str, Any]:
        shown = stored_gateway(gateway)
        for name, inner in view.embeds.items():
            if name == "status" and gateway.status:
                shown[name] = status_leaf(gateway.status, gateway)
            elif name == "devices" and isinstance(inner, View):
                shown[name] = [inner.narrowed(self.device(each, inner)) for each in gateway.devices.values()]
            elif name == "sensors" and isinstance(inner, View):
                shown[name] = [inner.narrowed(self.sensor(each, inner)) for each in gateway.sensors.values()]
        return shown

    def device(self, device: Device, _: View) -> dict[str, Any]:
        return stored_device(device)

    def sensor(self, sensor: Sensor, view: View) -> dict[str, Any]:
        shown = stored_sensor(sensor)
        if "status" in view.embeds and sensor.status:
            shown["status"] = status_leaf(sensor.status, sensor)
        if "series" in view.embeds:
            wanted = view.embeds["series"]
            leaf = embedded(sensor, wanted if isinstance(wanted, Range) else None, self._series_format)
            if leaf is not None:
                shown["series"] = leaf
        return shown
