"""Expands patterns: `count` entities for one declaration."""

from collections.abc import Iterator

from ferry.client.fleet.file.declared import (
    DeclaredDevice,
    DeclaredGateway,
    DeclaredSensor,
    Defaults,
    FleetFile,
)
from ferry.client.fleet.file.mistakes import Mistake, MistakesError, Path, Source, mistake
from ferry.client.fleet.wanted import Fleet, Wanted
from ferry.contract.registry import Noun

Declared = DeclaredGateway | DeclaredDevice | DeclaredSensor
MOST = 500_000
NUMBER = "{n}"
NO_FIELDS = {"name", "id", "count", "renamed_from", "moved_from", "site", "devices", "sensors"}


def written_out(declared: FleetFile, source: Source) -> tuple[Fleet, list[Mistake]]:
    """Raises MistakesError when it would be more than memory is for."""
    if (total := sum(map(_size, declared.gateways))) > MOST:
        text = f"the file stands for {total} entities, more than {MOST}: split it"
        raise MistakesError(source.file, [mistake(source, ("gateways",), text)])
    fleet = Fleet(source, sites=declared.sites)
    mistakes: list[Mistake] = []
    for number, gateway in enumerate(declared.gateways):
        path: Path = ("gateways", number)
        mistakes += _wrong_pattern(gateway, path, source)
        if gateway.site and gateway.site_id:
            mistakes.append(mistake(source, (*path, "site"), "site and siteId mean the same: keep one"))
        for made in _each("gateway", gateway, path, None):
            _set_defaults(made, gateway, declared.defaults)
            fleet.gateways.append(made)
    for one in fleet.gateways:
        _add_parts(one, declared, source, mistakes)
    return fleet, mistakes


def _add_parts(gateway: Wanted, declared: FleetFile, source: Source, mistakes: list[Mistake]) -> None:
    index = int(gateway.path[1])
    for number, device in enumerate(declared.gateways[index].devices):
        path = (*gateway.path, "devices", number)
        mistakes += _wrong_pattern(device, path, source)
        for made in _each("device", device, path, gateway):
            gateway.parts.append(made)
            for at, sensor in enumerate(device.sensors):
                sensor_path = (*path, "sensors", at)
                mistakes += _wrong_pattern(sensor, sensor_path, source)
                made.parts += _each("sensor", sensor, sensor_path, made)


def _each(noun: Noun, declared: Declared, path: Path, parent: Wanted | None) -> Iterator[Wanted]:
    fields = declared.model_dump(exclude=NO_FIELDS, exclude_none=True, by_alias=True)
    moved_from = declared.moved_from if isinstance(declared, DeclaredSensor) else None
    numbers = range(1, declared.count + 1) if "count" in declared.model_fields_set else [None]
    for number in numbers:
        yield Wanted(
            noun=noun,
            name=_numbered(declared.name, number) or "",
            id=_numbered(declared.id, number),
            path=path,
            has_id=declared.id is not None,
            parent=parent,
            fields=dict(fields) if noun == "gateway" else fields,
            renamed_from=_numbered(declared.renamed_from, number),
            moved_from=_numbered(moved_from, number),
        )


def _numbered(text: str | None, number: int | None) -> str | None:
    """Without a `count`, `{n}` is what it looks like."""
    return text if text is None or number is None else text.replace(NUMBER, str(number))


def _set_defaults(made: Wanted, gateway: DeclaredGateway, defaults: Defaults) -> None:
    site_id = gateway.site_id or (None if gateway.site else defaults.site_id)
    made.site = None if site_id else gateway.site or defaults.site
    for name, value in (
        ("siteId", site_id),
        ("model", gateway.model or defaults.model),
        ("reportInterval", gateway.report_interval or defaults.report_interval),
    ):
        if value is not None:
            made.fields[name] = value


def _wrong_pattern(declared: Declared, path: Path, source: Source) -> list[Mistake]:
    if declared.count == 1:
        return []
    texts = {"name": declared.name, "id": declared.id, "renamedFrom": declared.renamed_from}
    return [
        mistake(
            source, (*path, field), f"{field} stands for {declared.count}: put {{n}} where the number belongs"
        )
        for field, text in texts.items()
        if text is not None and NUMBER not in text
    ]


def _size(declared: Declared) -> int:
    parts: list[DeclaredDevice] | list[DeclaredSensor] = []
    if isinstance(declared, DeclaredGateway):
        parts = declared.devices
    elif isinstance(declared, DeclaredDevice):
        parts = declared.sensors
    return declared.count * (1 + sum(map(_size, parts)))
