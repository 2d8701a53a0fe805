"""The columns of a fleet as CSV, and the cells that a spreadsheet must not take for formulas."""

from collections.abc import Mapping

LEVELS: Mapping[str, Mapping[str, str]] = {
    "gateway": {
        "gateway": "name",
        "gatewayId": "id",
        "site": "site",
        "siteId": "siteId",
        "gatewayModel": "model",
        "reportInterval": "reportInterval",
        "gatewayRenamedFrom": "renamedFrom",
    },
    "device": {
        "device": "name",
        "deviceId": "id",
        "deviceModel": "model",
        "deviceRenamedFrom": "renamedFrom",
    },
    "sensor": {
        "sensor": "name",
        "sensorId": "id",
        "type": "type",
        "driverName": "driverName",
        "model": "model",
        "category": "category",
        "renamedFrom": "renamedFrom",
        "movedFrom": "movedFrom",
    },
}
"""By the noun: column to the field of the YAML file."""
COLUMNS = tuple(column for columns in LEVELS.values() for column in columns)
TEXT_OF_NUMBER = {"reportInterval"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_QUOTE = "'"


def escaped(cell: str) -> str:
    """A spreadsheet shows it and does not carry it out (OWASP, CSV injection)."""
    return _QUOTE + cell if _is_escapable(cell) else cell


def unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith(_QUOTE) and _is_escapable(cell[1:]) else cell


def _is_escapable(cell: str) -> bool:
    """Spreadsheets and readers of `a, b` ignore a leading space."""
    rest = cell.lstrip(_QUOTE)
    return rest[:1] == " " or rest.lstrip(f"{_QUOTE} \u00a0").startswith(_FORMULA)
