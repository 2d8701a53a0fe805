"""Finds what the registry would refuse, before it is asked: ids, names, and what a model lacks."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping

from ferry.client.fleet.file.mistakes import Mistake, Source, mistake
from ferry.client.fleet.file.repaired import NO_TYPE
from ferry.client.fleet.wanted import Fleet, Wanted
from ferry.contract.ids import safe_id
from ferry.contract.problems import ProblemError
from ferry.contract.registry import DeviceModel, GatewayModel, NewSensor, model_check

DEFAULT_MODEL = "52"
"""Of a gateway that says none, as in the registry (guide, chapter 5.2)."""
MOST_NAME = 256
_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_ROUNDED = re.compile(r"[0-9][.,]?[0-9]*E\+?[0-9]+")


def mistakes_of(fleet: Fleet) -> Iterator[Mistake]:
    """Those that no gateway model is needed for."""
    source = fleet.source
    for one in fleet.each():
        if one.id is not None:
            yield from _of_id(one, source)
        yield from _of_name(one, source)
    yield from _of_same_ids(fleet)
    yield from _of_siblings(fleet.gateways, source)
    for gateway in fleet.gateways:
        yield from _of_siblings(gateway.parts, source)
        for device in gateway.parts:
            yield from _of_siblings(device.parts, source)


def mistakes_by_model(
    fleet: Fleet, models: Mapping[str, GatewayModel], registered: Container[str] = ()
) -> Iterator[Mistake]:
    """Those against the gateway models that are there; a gateway of another model is not looked at.

    A gateway that is `registered` has an id that is good enough for the cloud, whatever its model says.
    """
    checked: dict[tuple[object, ...], ProblemError | None] = {}
    for gateway in fleet.gateways:
        model = models.get(str(gateway.fields.get("model", DEFAULT_MODEL)))
        if model is None:
            continue
        if gateway.id is not None and gateway.id not in registered:
            yield from _told(gateway, _problem_of_id(model, gateway.id), fleet.source)
        yield from _of_parts(gateway, model, fleet.source, checked)


def _of_id(one: Wanted, source: Source) -> Iterator[Mistake]:
    try:
        safe_id(str(one.id))
    except ValueError as error:
        hint = ""
        if _ROUNDED.fullmatch(str(one.id)):
            hint = ": a spreadsheet turned it into a number: give the column the format `text`"
        yield mistake(source, (*one.path, "id"), f"id: {error}{hint}")


def _of_name(one: Wanted, source: Source) -> Iterator[Mistake]:
    for field, text in (("name", one.name), ("renamedFrom", one.renamed_from)):
        if text is not None and not 1 <= len(text) <= MOST_NAME:
            said = f"has {len(text)} characters, at most {MOST_NAME} are allowed" if text else "is empty"
            yield mistake(source, (*one.path, field), f"{field}: {said}")


def _of_same_ids(fleet: Fleet) -> Iterator[Mistake]:
    for noun in ("gateway", "device", "sensor"):
        first: dict[str, Wanted] = {}
        for one in fleet.each(noun):
            if one.id is None:
                continue
            if (before := first.setdefault(one.id, one)) is not one:
                yield mistake(fleet.source, (*one.path, "id"), _same_id(one, before, fleet.source))


def _same_id(one: Wanted, before: Wanted, source: Source) -> str:
    unique = "ids are unique across all of Thing+: omit id and Ferry generates one"
    if one.path == before.path:
        return f"id: the pattern makes {one.noun} {one.id} more than once; {unique}"
    line = source.place((*before.path, "id"))[0]
    return f"id: {one.noun} {one.id} is declared twice, first in line {line}; {unique}"


def _of_siblings(siblings: Iterable[Wanted], source: Source) -> Iterator[Mistake]:
    """Two of one name need ids, and two cannot have been the same one."""
    named: dict[str, Wanted] = {}
    renamed: dict[object, Wanted] = {}
    for one in siblings:
        other = named.setdefault(one.name, one)
        if other is not one and (one.id is None or other.id is None):
            line = source.place((*other.path, "name"))[0]
            text = f"name: {one.noun} {one.name!r} is declared twice, first in line {line}: each needs an id then"
            yield mistake(source, (*one.path, "name"), text)
        if one.renamed_from is None:
            continue
        if one.renamed_from == one.name and one.moved_from is None:
            yield mistake(source, (*one.path, "renamedFrom"), "renamedFrom: this is the name that it has")
        if renamed.setdefault((one.moved_from, one.renamed_from), one) is not one:
            text = f"renamedFrom: two {one.noun}s cannot both have been {one.renamed_from!r}"
            yield mistake(source, (*one.path, "renamedFrom"), text)
    for one in renamed.values():
        back = named.get(one.renamed_from or "")
        if back is not None and back is not one and back.renamed_from == one.name and one.id is None:
            text = f"renamedFrom: {one.name!r} and {back.name!r} change names: this needs their ids"
            yield mistake(source, (*one.path, "renamedFrom"), text)


def _of_parts(
    gateway: Wanted,
    model: GatewayModel,
    source: Source,
    checked: dict[tuple[object, ...], ProblemError | None],
) -> Iterator[Mistake]:
    counted: dict[str, int] = {}
    for device in gateway.parts:
        try:
            kind = model_check.device_model(model, _text(device, "model"))
        except ProblemError as error:
            yield from _told(device, error, source)
            continue
        counted[kind.id] = counted.get(kind.id, 0) + 1
        if kind.max is not None and counted[kind.id] == kind.max + 1:
            text = f"a gateway may have {kind.max} devices of model {kind.id}, and this is one more"
            yield mistake(source, (*device.path, "name"), text)
        for sensor in device.parts:
            asked = (model.id, kind.id, *map(sensor.fields.get, ("type", "driverName", "model", "category")))
            if asked not in checked:
                checked[asked] = (
                    _problem_of_sensor(kind, sensor) if sensor.fields["type"] != NO_TYPE else None
                )
            yield from _told(sensor, checked[asked], source)


def _problem_of_id(model: GatewayModel, entity: str) -> ProblemError | None:
    try:
        model_check.check_id(model, entity)
    except ProblemError as error:
        if not _UUID.fullmatch(entity):
            return error
        wanted = entity.replace("-", "").lower()
        return ProblemError.of("bad-id", 422, f"{error.problem.title}: write {wanted}", field="reqId")
    return None


def _problem_of_sensor(model: DeviceModel, sensor: Wanted) -> ProblemError | None:
    try:
        model_check.sensor_model(model, NewSensor(device_id="any", name="any", **sensor.fields))
    except ProblemError as error:
        return error
    return None


def _told(one: Wanted, error: ProblemError | None, source: Source) -> Iterator[Mistake]:
    if error is None:
        return
    problem = error.problem
    field = "id" if problem.field == "reqId" else str(problem.field)
    words = [f"{field}: {problem.title}"]
    if problem.hint:
        words.append(problem.hint.replace("reqId", "id"))
    elif problem.allowed:
        words.append(f"there {'is' if len(problem.allowed) == 1 else 'are'} {', '.join(problem.allowed)}")
    yield mistake(source, (*one.path, field), "; ".join(words))


def _text(one: Wanted, field: str) -> str | None:
    value = one.fields.get(field)
    return None if value is None else str(value)


def unknown_model(fleet: Fleet, model: str, error: ProblemError) -> Iterator[Mistake]:
    """Where a gateway is of a model that the cloud does not have."""
    for gateway in fleet.gateways:
        if gateway.fields.get("model", DEFAULT_MODEL) == model:
            yield from _told(gateway, error, fleet.source)
