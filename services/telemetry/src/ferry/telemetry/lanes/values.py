"""Compares two values as a cloud may show them: `36.50`, `"36.5"` and 36.5 are equal."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

LONGEST_NUMBER = 64
"""Characters; a longer text is compared as text."""


def same_value(sent: bytes, shown: Any) -> bool:
    """`sent` is JSON as it was sent, `shown` what a read-back decoded."""
    try:
        ours = json.loads(sent)
    except (ValueError, RecursionError):
        return False
    return _same(ours, shown)


def same_json(first: bytes, second: bytes) -> bool:
    if first == second:
        return True
    try:
        return _same(json.loads(first), json.loads(second))
    except (ValueError, RecursionError):
        return False


def _same(ours: Any, shown: Any) -> bool:  # noqa: PLR0911 - a table of what is compared how
    if isinstance(ours, dict) and isinstance(shown, str):
        try:  # an object may be shown as the text that was sent
            shown = json.loads(shown)
        except (ValueError, RecursionError):
            return False
    if isinstance(ours, dict) or isinstance(shown, dict):
        return bool(ours == shown)
    if isinstance(ours, bool) or isinstance(shown, bool):
        return ours is shown
    if isinstance(ours, str) and ours == shown:
        return True
    first, second = _number(ours), _number(shown)
    if first is None or second is None:
        return bool(ours == shown)
    if isinstance(shown, float):  # a cloud that shows doubles has lost what a double cannot hold
        return float(first) == shown
    return first == second


def _number(value: Any) -> Decimal | None:
    if isinstance(value, int | float):
        return Decimal(str(value)) if abs(value) < 1e300 else None  # noqa: PLR2004 - nan and inf fail this too
    if not isinstance(value, str) or len(value) > LONGEST_NUMBER:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 300 else None  # noqa: PLR2004 - a double's range
