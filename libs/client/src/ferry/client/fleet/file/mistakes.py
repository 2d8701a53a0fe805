"""A mistake in a file: what, where, and what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ferry.contract.problems import TYPE_BASE, Problem, ProblemError

Path = tuple[str | int, ...]
"""Where a value is in the data, as pydantic says it: `("gateways", 0, "devices", 2, "name")`."""
IN_A_SENTENCE = 5


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """`line` and `column` count from 1; the column of a CSV file is the number of the cell."""

    line: int
    column: int
    text: str


class MistakesError(ProblemError):
    """All mistakes of one file."""

    def __init__(self, file: str, mistakes: Iterable[Mistake]) -> None:
        self.file = file
        self.mistakes = sorted(set(mistakes))
        count = len(self.mistakes)
        title = f"{file} has {count} mistake{'s' if count > 1 else ''}"
        detail = "; ".join(self.lines()[:IN_A_SENTENCE])
        super().__init__(Problem(type=TYPE_BASE + "bad-file", title=title, status=400, detail=detail))

    def lines(self) -> list[str]:
        return [f"{self.file}:{one.line}:{one.column}: {one.text}" for one in self.mistakes]


class Source(Protocol):
    """A file as plain data. `mistakes` are those of its syntax, which did not stop the reading."""

    file: str
    data: object
    mistakes: list[Mistake]

    def place(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Line and column of the value (of its key); of what it belongs to when there is no such value."""
        ...

    def written(self, path: Path) -> str | None:
        """A scalar's text as the file has it; None for anything else."""
        ...


def mistake(source: Source, path: Path, text: str, *, key: bool = False) -> Mistake:
    line, column = source.place(path, key=key)
    return Mistake(line, column, text)
