"""Prints lines, tables, JSON and errors. Text from outside cannot control the terminal."""

import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
from pydantic import BaseModel
from rich.console import Console

from ferry.client.cli.tables import hanging, laid_out
from ferry.contract.problems import Problem, ProblemError

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")

MOST_MARKS = 3
"""Combining marks in a row that a written language needs; more of them climb over other lines."""
PIPED_WIDTH = 10_000
"""Columns where nobody looks at a screen: a row stays one line, for grep and awk."""
_CANDIDATE = re.compile(r"[^ -~]")
_STEERING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""General categories of what has no glyph: controls, formats (bidi, zero width, tags), surrogates, unassigned."""
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
"""Default_Ignorable_Code_Point (Unicode 15, DerivedCoreProperties) of other categories, and the empty Braille cell."""


def safe(text: object) -> str:
    r"""One line that prints as itself: what could steer or deceive a terminal is written as `\x1b`, `\n`, `\u202e`."""
    marks = 0
    shown: list[str] = []
    for character in str(text):
        marks = marks + 1 if _is_mark(character) else 0
        shown.append(_escaped(character) if marks > MOST_MARKS or _steers(character) else character)
    return "".join(shown)


def _is_mark(character: str) -> bool:
    return character > "~" and unicodedata.category(character) in {"Mn", "Me"}


def _steers(character: str) -> bool:
    if not _CANDIDATE.match(character):
        return False
    category = unicodedata.category(character)
    return category in _STEERING or category == "Zs" or _BLANK.match(character) is not None


def _escaped(character: str) -> str:
    number = ord(character)
    short = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(character)
    if short:
        return short
    if number <= 0xFF:  # noqa: PLR2004 - what two digits hold
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004 - and four


def say(*parts: object, color: str | None = None, err: bool = False) -> None:
    """One line, its parts made safe; `color` only where a person looks and NO_COLOR is not set."""
    line = safe(" ".join(str(part) for part in parts))
    click.echo(click.style(line, fg=color) if color and not _plain_wanted() else line, err=err)


def _plain_wanted() -> bool:
    return bool(os.environ.get("NO_COLOR"))


def console(*, err: bool = True) -> Console:
    """For progress, which goes to stderr. Nothing that it prints is read as markup."""
    return Console(stderr=err, markup=False, emoji=False, highlight=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns; a record per paragraph where a row would not fit the screen."""
    width = console(err=False).width if sys.stdout.isatty() else PIPED_WIDTH
    cells = [["" if cell is None else safe(cell) for cell in row] for row in rows]
    for line in laid_out(columns, cells, width):
        bold = line.heading and sys.stdout.isatty() and not _plain_wanted()
        click.echo(click.style(line.text, bold=True) if bold else line.text)


def print_hanging(start: str, text: object, color: str | None = None) -> None:
    """A line that is wrapped and indented to its start, on a screen.

    `color` is of the start alone, as in `say`: the text has the terminal's own, readable on light and on dark.
    """
    width = console(err=False).width if sys.stdout.isatty() else PIPED_WIDTH
    begun = safe(start)
    first, *rest = hanging(begun, safe(text), width)
    click.echo(click.style(begun, fg=color) + first[len(begun) :] if color and not _plain_wanted() else first)
    for line in rest:
        click.echo(line)


def ask_first(question: str) -> bool:
    """Asked on stderr: stdout is the answer's. Raises UsageError, which names --yes, where nobody answers."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        raise click.UsageError("cannot ask, because stdin is not a terminal: use --yes") from None


def ask_secret(question: str, *, twice: bool = False) -> str:
    """Without echo at a terminal; elsewhere the next line of stdin. Raises UsageError where there is none."""
    if sys.stdin is not None and sys.stdin.isatty():
        return str(click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True))
    line = sys.stdin.readline() if sys.stdin is not None else ""
    if not line.rstrip("\r\n"):
        raise click.UsageError(
            f"{question}: cannot ask, because stdin is not a terminal and has no such line"
        )
    return line.rstrip("\r\n")


def moment(unix_ms: int | None) -> str:
    """In UTC to the second; a number that no calendar has is shown as it is."""
    if unix_ms is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(unix_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
    except (OverflowError, ValueError, OSError):
        return str(unix_ms)


def print_fields(pairs: Iterable[tuple[str, object]]) -> None:
    for name, value in pairs:
        say(f"{name}: {value}")


def print_json(value: object) -> None:
    """Characters that steer a terminal are escaped as JSON escapes, so that the text is the same to a program."""
    click.echo(_CANDIDATE.sub(_json_escape, json.dumps(_plain(value), ensure_ascii=False)))


def print_text(document: str) -> None:
    """A document for other programs (JSON, YAML), in lines; terminal control characters are escaped as in JSON."""
    for line in document.rstrip("\n").split("\n"):
        click.echo(_CANDIDATE.sub(_json_escape, line))


def _json_escape(found: re.Match[str]) -> str:
    character = found[0]
    return json.dumps(character)[1:-1] if _steers(character) else character


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True, by_alias=True)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def print_problem(problem: Problem) -> None:
    """On stderr: what went wrong, where, and what to do."""
    say(f"ferry: {problem.title}", err=True)
    for name, text in (
        ("field", problem.field),
        ("detail", problem.detail),
        ("allowed", ", ".join(problem.allowed or ())),
        ("hint", problem.hint),
    ):
        if text:
            say(f"  {name}: {text}", err=True)


def fail(error: ProblemError) -> NoReturn:
    print_problem(error.problem)
    sys.exit(1)
