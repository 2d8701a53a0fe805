"""The paths of Thing+'s API, under its base URL. Raise ValueError for an id that is not safe in a path."""

from ferry.contract.ids import safe_id


def gateway_path(gateway: str) -> str:
    return f"/gateways/{safe_id(gateway)}"


def device_path(gateway: str, device: str) -> str:
    return f"{gateway_path(gateway)}/devices/{safe_id(device)}"


def sensor_path(gateway: str, sensor: str) -> str:
    return f"{gateway_path(gateway)}/sensors/{safe_id(sensor)}"


def series_path(gateway: str, sensor: str) -> str:
    """Guide, chapter 9."""
    return f"{sensor_path(gateway, sensor)}/series"


def status_path(gateway: str, sensor: str | None) -> str:
    """Guide, chapter 8: a sensor's status, or its gateway's."""
    return f"{gateway_path(gateway) if sensor is None else sensor_path(gateway, sensor)}/status"
