"""Checks a request against its gateway model: fills in what is omitted and reports what is wrong.

The registry checks before any call to the cloud, and clients may check before any request.
"""

import difflib
import re
from collections.abc import Iterable

from ferry.contract.problems import ProblemError
from ferry.contract.registry.changes import NewDevice, NewSensor
from ferry.contract.registry.entities import Device, DeviceModel, GatewayModel, Sensor, SensorModel

UUID_HEX = re.compile(r"[0-9a-f]{32}")


def device_of(model: GatewayModel, owner: str, asked: NewDevice, known: str | None = None) -> Device:
    """What a request with an id stands for; `known` is the model that the device has already. Raises ProblemError."""
    chosen = device_model(model, asked.model or known)
    return Device(id=str(asked.req_id), owner=owner, name=asked.name, model=chosen.id)


def sensor_of(model: GatewayModel, device: Device, asked: NewSensor) -> Sensor:
    """What a request with an id stands for, on a device that is there. Raises ProblemError."""
    kind = sensor_model(device_model(model, device.model), asked)
    return Sensor(
        id=str(asked.req_id),
        owner=device.owner,
        device_id=device.id,
        name=asked.name,
        type=kind.type,
        driver_name=kind.driver_name,
        model=kind.model,
        category=kind.category,
    )


def check_id(model: GatewayModel, gateway: str) -> None:
    """Raises ProblemError if the model requires a UUID and this is not one (guide, chapter 5.3)."""
    if model.id_format == "uuid" and not UUID_HEX.fullmatch(gateway):
        raise ProblemError.of(
            "bad-id",
            422,
            f"gateway model {model.id} takes a UUID without dashes, in lower case, as id",
            field="reqId",
            hint="omit reqId and one is generated, or use uuidgen | tr -d - | tr A-Z a-z",
        )


def device_model(model: GatewayModel, name: str | None) -> DeviceModel:
    """The device model, or the only one. Raises ProblemError."""
    models = model.device_models
    if name is None and len(models) == 1:
        return models[0]
    for candidate in models:
        if candidate.id == name:
            return candidate
    raise _unknown("model", name, [candidate.id for candidate in models], f"gateway model {model.id}")


def check_room(model: GatewayModel, wanted: Device, there: Iterable[Device]) -> None:
    """Raises ProblemError if the gateway already has as many devices of this model as it may."""
    most = device_model(model, wanted.model).max
    if most is not None and sum(device.model == wanted.model for device in there) >= most:
        raise ProblemError.of(
            "too-many-devices",
            422,
            f"a gateway may have {most} devices of model {wanted.model}, and has them",
            field="model",
        )


def sensor_model(model: DeviceModel, wanted: NewSensor) -> SensorModel:
    """What belongs to the sensor's type; what the request says of it must agree. Raises ProblemError.

    A type may stand in the model more than once, with other drivers or models: the first that agrees is it.
    """
    if wanted.category == "actuator":
        raise _actuator("category")
    found = [item for item in model.sensors if item.type == wanted.type]
    if not found:
        raise _unknown("type", wanted.type, {item.type for item in model.sensors}, f"device model {model.id}")
    if all(item.category == "actuator" for item in found):
        raise _actuator("type")
    found = [item for item in found if item.category != "actuator"]
    for field, name in (("driverName", "driver_name"), ("model", "model"), ("category", "category")):
        given = getattr(wanted, name)
        agreeing = [item for item in found if given in (None, getattr(item, name))]
        if not agreeing:
            raise _mismatch(wanted.type, field, given, {getattr(item, name) for item in found})
        found = agreeing
    return found[0]


def _actuator(field: str) -> ProblemError:
    return ProblemError.of(
        "actuator",
        422,
        "actuators cannot be linked over HTTPS",
        field=field,
        allowed=["sensor"] if field == "category" else None,
        detail="Thing+ supports them with its own gateway software only (guide, chapters 1 and 7)",
    )


def _mismatch(kind: str, field: str, given: str, expected: Iterable[str]) -> ProblemError:
    allowed = sorted(expected)
    return ProblemError.of(
        "mismatch",
        422,
        f"a sensor of type {kind} has {field} {' or '.join(allowed)}, not {given}",
        field=field,
        allowed=allowed,
        hint=f"leave {field} out to have it filled in",
    )


def _unknown(field: str, given: str | None, allowed: Iterable[str], where: str) -> ProblemError:
    names = sorted(allowed)
    near = difflib.get_close_matches(given or "", names, 1)
    return ProblemError.of(
        f"unknown-{field}",
        422,
        f"{where} has no {field} {given!r}" if given else f"{where} needs a {field}",
        field=field,
        allowed=names,
        hint=f"did you mean {near[0]!r}?" if near else None,
    )
