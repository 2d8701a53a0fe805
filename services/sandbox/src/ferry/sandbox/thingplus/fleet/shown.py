"""How Thing+ prints its entities: times as numbers when they are new, as text once they are stored."""

from typing import Any

from ferry.sandbox.thingplus.fleet.entities import Device, Gateway, Sensor, Series, Status


def new_device(device: Device) -> dict[str, Any]:
    return _device(device) | {"mtime": device.mtime, "ctime": device.ctime, "id": device.id}


def stored_device(device: Device) -> dict[str, Any]:
    return _device(device) | {"mtime": str(device.mtime), "ctime": str(device.ctime), "id": device.id}


def _device(device: Device) -> dict[str, Any]:
    return {"name": device.name, "model": device.model, **device.details, "owner": device.owner}


def new_sensor(sensor: Sensor) -> dict[str, Any]:
    return _sensor(sensor) | {"mtime": sensor.mtime, "ctime": sensor.ctime, "id": sensor.id}


def stored_sensor(sensor: Sensor) -> dict[str, Any]:
    """A parent: `status` and `series` hold the leaves' ids."""
    shown = _sensor(sensor) | {"mtime": str(sensor.mtime), "ctime": str(sensor.ctime)}
    if sensor.status:
        shown["status"] = sensor.status.id
    if sensor.series:
        shown["series"] = sensor.series.id
    shown["id"] = sensor.id
    return shown


def _sensor(sensor: Sensor) -> dict[str, Any]:
    return {
        "name": sensor.name,
        "type": sensor.type,
        "driverName": sensor.driver_name,
        "model": sensor.model,
        "category": sensor.category,
        "deviceId": sensor.device_id,
        **sensor.details,
        "owner": sensor.owner,
    }


def new_gateway(gateway: Gateway) -> dict[str, Any]:
    """Guide, chapter 5.4: a number as `reportInterval` where one was submitted."""
    shown = _gateway(gateway) | {
        "reportInterval": gateway.report_interval,
        "mtime": gateway.mtime,
        "ctime": gateway.ctime,
        "tree": gateway.id,
        "id": gateway.id,
    }
    if gateway.device_models:
        shown["deviceModels"] = gateway.device_models
    return shown


def stored_gateway(gateway: Gateway) -> dict[str, Any]:
    """A parent: its devices and sensors by their ids, `status` by the leaf's."""
    shown = _gateway(gateway) | {
        "reportInterval": str(gateway.report_interval),
        "devices": list(gateway.devices),
        "sensors": list(gateway.sensors),
        "deviceModels": _device_models(gateway),
        "mtime": str(gateway.mtime),
        "ctime": str(gateway.ctime),
        "tree": gateway.id,
    }
    if gateway.status:
        shown["status"] = gateway.status.id
    return shown | {"id": gateway.id}


def _gateway(gateway: Gateway) -> dict[str, Any]:
    return {
        "name": gateway.name,
        "model": gateway.model,
        **gateway.details,
        "_site": gateway.site,
        "_service": gateway.service,
    }


def _device_models(gateway: Gateway) -> list[dict[str, str]]:
    registered = [{"id": device.id, "model": device.model} for device in gateway.devices.values()]
    declared = [each for each in gateway.device_models if each.get("id") not in gateway.devices]
    return registered + declared


def status_leaf(status: Status, owner: Gateway | Sensor) -> dict[str, Any]:
    """Guide, chapter 8: in a leaf, `status` holds the id of what reports, `owner` its gateway's."""
    leaf: dict[str, Any] = {"type": "status", "value": status.value}
    if isinstance(owner, Sensor):
        leaf |= {"srcType": owner.type, "srcCategory": owner.category}
    kind = "sensor" if isinstance(owner, Sensor) else "gateway"
    return leaf | {
        "srcDbType": kind,
        "time": str(status.time),
        "expireAt": str(status.expire_at),
        "vtime": str(status.vtime),
        "status": owner.id,
        "owner": owner.owner if isinstance(owner, Sensor) else owner.id,
        kind: owner.id,
        "mtime": str(status.mtime),
        "ctime": str(status.ctime),
        "id": status.id,
    }


def empty_series_leaf(owner: Sensor) -> dict[str, Any]:
    """Of a sensor that never had a value: nothing of it is stored, so it has no id and no times."""
    return {
        "type": "series",
        "srcType": owner.type,
        "owner": owner.owner,
        "series": owner.id,
        "sensor": owner.id,
        "srcCategory": owner.category,
        "srcDbType": "sensor",
    }


def series_leaf(series: Series, owner: Sensor, pack: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Guide, chapter 9; `seriesPack` stands there for an array alone."""
    leaf = empty_series_leaf(owner)
    if pack is not None:
        leaf["seriesPack"] = pack
    return leaf | {
        "mtime": str(series.mtime),
        "ctime": str(series.ctime),
        "time": str(series.last_time),
        "value": series.values[-1],
        "id": series.id,
    }
