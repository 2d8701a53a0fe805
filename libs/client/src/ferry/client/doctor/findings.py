"""The result of a check."""

from dataclasses import dataclass
from typing import Literal

from ferry.contract.problems import TYPE_BASE, ProblemError

State = Literal["ok", "warning", "wrong"]
NOT_PERMITTED = 403
UNCONFIGURED = f"{TYPE_BASE}unconfigured"
"""A service whose cloud has no account does nothing, by intent."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`todo` says what to do about it; what is ok needs none."""

    check: str
    state: State
    what: str
    todo: str | None = None


def ok(check: str, what: str) -> Finding:
    return Finding(check, "ok", what)


def warning(check: str, what: str, todo: str) -> Finding:
    return Finding(check, "warning", what, todo)


def wrong(check: str, what: str, todo: str) -> Finding:
    return Finding(check, "wrong", what, todo)


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Bytes, for a person."""
    value = float(number)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:  # noqa: PLR2004 - the units' own step
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def failed(check: str, error: ProblemError, todo: str) -> Finding:
    """A check that could not ask: without the right it is only unchecked, else what it asked is broken."""
    problem = error.problem
    if problem.type == UNCONFIGURED:
        return ok(check, f"off: {problem.title}")
    said = ": ".join(part for part in (problem.title, problem.detail) if part)
    if problem.status == NOT_PERMITTED and problem.field is None:  # with it no answer at all can be heard
        return warning(check, f"not checked: {problem.detail or said}", problem.hint or todo)
    return wrong(check, said, problem.hint or todo)
