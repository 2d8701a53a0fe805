"""What may be registered: gateway models with their device models, sensor drivers and sensor types."""

from typing import Any

from ferry.sandbox.fixtures import DeviceModel, GatewayModel, SensorModel, ThingPlusFixture, ValueKind
from ferry.sandbox.thingplus.envelope import mismatch, not_found

FEATURES = ("poweroff", "reboot", "restart", "swUpdate", "swInfo")
SHOWN_TYPES: dict[ValueKind, dict[str, Any]] = {
    "number": {"type": "number"},
    "onoff": {"type": "string", "values": ["on", "off"], "displayValues": ["on", "off"]},
    "text": {"type": "string"},
    "object": {"type": "object"},
}


class Catalogue:
    def __init__(self, fixture: ThingPlusFixture, loaded_at: int) -> None:
        self._models = {model.id: model for model in fixture.models}
        self._types = _types(fixture)
        self._stamps = {"mtime": str(loaded_at), "ctime": str(loaded_at)}

    def model(self, name: str) -> GatewayModel:
        found = self._models.get(name)
        if found is None:
            raise not_found("gateway model", name)
        return found

    def device_model(self, gateway_model: str, name: str) -> DeviceModel:
        found = self.model(gateway_model).device_model(name)
        if found is None:
            raise not_found("device model", name)
        return found

    def value_kind(self, model: DeviceModel, sensor_type: str) -> ValueKind:
        return model.values.get(sensor_type) or self._types.get(sensor_type, "number")

    def shown_models(self) -> list[dict[str, Any]]:
        return [self.shown_model(name) for name in self._models]

    def shown_model(self, name: str) -> dict[str, Any]:
        """Guide, chapter 5.2, with the braces put where the guide's page break lost them."""
        model = self.model(name)
        return {
            "reportInterval": model.report_interval,
            "displayName": model.display_name,
            "id": model.id,
            "model": model.model,
            "deviceModels": [_shown_device_model(each) for each in model.device_models],
            "gatewayIdConfig": "n",
            "idFormat": model.id_format,
            "vendor": model.vendor,
            "deviceMgmt": {
                "reportInterval": {"show": "y", "change": "y"},
                "DM": {feature: {"support": "n"} for feature in FEATURES},
            },
            **self._stamps,
        }

    def sensor_types(self) -> list[dict[str, Any]]:
        return [
            {"id": name, "category": "sensor", **SHOWN_TYPES[kind], **self._stamps}
            for name, kind in self._types.items()
        ]

    def sensor_drivers(self) -> list[dict[str, Any]]:
        drivers: dict[str, list[SensorModel]] = {}
        for model in self._models.values():
            for device_model in model.device_models:
                for sensor in device_model.sensor_models():
                    drivers.setdefault(sensor.driver_name, []).append(sensor)
        return [
            {
                "id": name,
                "driverName": name,
                "displayName": name,
                "category": "sensor",
                "models": list(dict.fromkeys(sensor.model for sensor in sensors)),
                "supportedNetworks": list(dict.fromkeys(sensor.network for sensor in sensors)),
                "discoverable": "false",
                **self._stamps,
            }
            for name, sensors in drivers.items()
        ]


def check_sensor(model: DeviceModel, *, kind: str, sensor_model: str, driver: str) -> None:
    """Raises ThingPlusError MISMATCH_ERROR for a combination that the device model does not have."""
    of_type = [each for each in model.sensor_models() if each.type == kind]
    if not of_type:
        raise mismatch(f"device model {model.id!r} has no sensor of type {kind!r}")
    of_model = [each for each in of_type if each.model == sensor_model]
    if not of_model:
        models = ", ".join(each.model for each in of_type)
        raise mismatch(f"type {kind!r} goes with model {models}, not {sensor_model!r}")
    if all(each.driver_name != driver for each in of_model):
        drivers = ", ".join(each.driver_name for each in of_model)
        raise mismatch(f"model {sensor_model!r} goes with driver {drivers}, not {driver!r}")


def _types(fixture: ThingPlusFixture) -> dict[str, ValueKind]:
    """Those that the fixtures name, and those that only a device model has."""
    types = dict(fixture.sensor_types)
    for model in fixture.models:
        for device_model in model.device_models:
            for sensor in device_model.sensor_models():
                types.setdefault(sensor.type, device_model.values.get(sensor.type, "number"))
    return types


def _shown_device_model(model: DeviceModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "displayName": model.display_name,
        "idTemplate": "{gatewayId}-{deviceAddress}",
        "discoverable": "y",
        "sensors": [
            {
                "network": sensor.network,
                "driverName": sensor.driver_name,
                "model": sensor.model,
                "type": sensor.type,
                "category": "sensor",
            }
            for sensor in model.sensor_models()
        ],
        "max": model.max,
    }
