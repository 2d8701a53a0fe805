"""A request against the gateway model, before any call: what is left out is filled in, what is wrong is named."""

import difflib
import re
from collections.abc import Iterable

from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    DeviceModel,
    GatewayModel,
    RegisterSensor,
    SensorModel,
)

UUID_HEX = re.compile(r"[0-9a-f]{32}")


def check_id(model: GatewayModel, gateway: str) -> None:
    """Raises ProblemError when the model wants a UUID and this is none (guide, chapter 5.3)."""
    if model.id_format == "uuid" and not UUID_HEX.fullmatch(gateway):
        raise ProblemError.of(
            "bad-id",
            422,
            f"gateway model {model.id} takes a UUID without dashes, in lower case, as id",
            field="reqId",
            hint="leave reqId out and one is made, or use uuidgen | tr -d - | tr A-Z a-z",
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


def check_room(model: DeviceModel, there: int) -> None:
    """Raises ProblemError when the gateway has all the devices of this model that it may have."""
    if model.max is not None and there >= model.max:
        raise ProblemError.of(
            "too-many-devices",
            422,
            f"a gateway may have {model.max} devices of model {model.id}, and has them",
            field="model",
        )


def sensor_model(model: DeviceModel, wanted: RegisterSensor) -> SensorModel:
    """What belongs to the sensor's type; what the request says of it must agree. Raises ProblemError."""
    if wanted.category == "actuator":
        raise ProblemError.of(
            "actuator",
            422,
            "actuators cannot be linked over HTTPS",
            field="category",
            allowed=["sensor"],
            detail="Thing+ supports them with its own gateway software only (guide, chapters 1 and 7)",
        )
    found = next((item for item in model.sensors if item.type == wanted.type), None)
    if found is None:
        raise _unknown("type", wanted.type, [item.type for item in model.sensors], f"device model {model.id}")
    for field, given, expected in (
        ("driverName", wanted.driver_name, found.driver_name),
        ("model", wanted.model, found.model),
        ("category", wanted.category, found.category),
    ):
        if given is not None and given != expected:
            raise ProblemError.of(
                "mismatch",
                422,
                f"a sensor of type {wanted.type} has {field} {expected}, not {given}",
                field=field,
                allowed=[expected],
                hint=f"leave {field} out and it is filled in",
            )
    return found


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
