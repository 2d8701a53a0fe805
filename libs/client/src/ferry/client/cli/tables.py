"""Lays out rows for a screen width. Pure: text in, lines out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

GAP = "  "
NARROWEST_LAST = 24
"""The last column, which is free text, folds when so many columns of the screen are left for it."""


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    heading: bool = False


def laid_out(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[Line]:
    """A table where it fits into `width`, else each row as a paragraph of `column: value` lines."""
    widths = [max(cell_len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    before_last = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    last = min(widths[-1], width - before_last)
    if last < widths[-1] and last < NARROWEST_LAST:
        yield from _paragraphs(columns, rows)
        return
    widths[-1] = last
    yield Line(_row(columns, widths)[0], heading=True)
    for row in rows:
        yield from (Line(text) for text in _row(row, widths))


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    *fixed, last = cells
    start = "".join(
        cell + " " * (width - cell_len(cell)) + GAP for cell, width in zip(fixed, widths, strict=False)
    )
    return hanging(start, last, cell_len(start) + widths[-1])


def hanging(start: str, text: str, width: int) -> list[str]:
    """`start` and then the text, wrapped between words, with continuation lines indented to its start."""
    indent = " " * cell_len(start)
    parts = _folded(text, max(1, width - cell_len(start)))
    return [f"{start if number == 0 else indent}{part}".rstrip(" ") for number, part in enumerate(parts)]


def _folded(text: str, width: int) -> list[str]:
    """A word that is longer than a line is cut."""
    if cell_len(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
            continue
        *cut, rest = chop_cells(word, width) or [""]
        lines += [*cut, rest]
    return [line for line in lines if line] or [""]


def _paragraphs(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    for number, row in enumerate(rows):
        if number:
            yield Line("")
        for column, cell in zip(columns, row, strict=True):
            if cell:
                yield Line(f"{column}: {cell}")
