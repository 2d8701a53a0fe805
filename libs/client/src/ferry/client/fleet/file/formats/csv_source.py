"""A CSV file as plain data: one row a sensor, and rows without one for a device or a gateway that has none.

Commas, semicolons or tabs; a cell that begins with `'` before `=`, `+`, `-`, `@` is what `ferry export` escaped.
"""

import csv
import io
from typing import Any

from ferry.client.fleet.file.formats.csv_columns import COLUMNS, LEVELS, TEXT_OF_NUMBER, unescaped
from ferry.client.fleet.file.mistakes import Mistake, MistakesError, Path

_Row = dict[str, str]
_Entity = dict[str, Any]


class CsvSource:
    """Raises MistakesError for what is no table with these columns."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self._lines: dict[Path, int] = {}
        self._cells: dict[Path, tuple[int, int, str]] = {}
        self._ids: dict[Path, dict[tuple[str, str], int]] = {}
        self._header: list[str] = []
        self._gateways: list[_Entity] = []
        self.data: object = {"gateways": self._gateways}
        for line, row in self._rows(text):
            self._add(line, row)

    def place(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        if (cell := self._cells.get(path)) is not None:
            return (1 if key else cell[0]), cell[1]
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1), 1

    def written(self, path: Path) -> str | None:
        cell = self._cells.get(path)
        return None if cell is None else cell[2]

    def _rows(self, text: str) -> list[tuple[int, _Row]]:
        lines = io.StringIO(text, newline="")
        reader = csv.reader(lines, delimiter=_delimiter(text, lines), skipinitialspace=True, strict=True)
        rows: list[tuple[int, _Row]] = []
        try:
            self._header = self._checked_header(next(reader, []), reader.line_num)
            filled = (cells for cells in reader if any(cell.strip() for cell in cells))
            rows.extend((reader.line_num, self._row(cells, reader.line_num)) for cells in filled)
        except csv.Error as error:
            what = f"not CSV: {error}: is a quote not closed?"
            raise MistakesError(self.file, [*self.mistakes, Mistake(reader.line_num, 1, what)]) from None
        return rows

    def _checked_header(self, cells: list[str], line: int) -> list[str]:
        names = {name.lower(): name for name in COLUMNS}
        header = [names.get(cell.strip().lower().replace("_", ""), cell.strip()) for cell in cells]
        for number, name in enumerate(header):
            if name and name not in COLUMNS:
                text = f"there is no column {name!r}; there are {', '.join(COLUMNS)}"
                self.mistakes.append(Mistake(line, number + 1, text))
            elif name and name in header[:number]:
                self.mistakes.append(Mistake(line, number + 1, f"the column {name!r} comes twice"))
        if "gateway" not in header and "gatewayId" not in header:
            text = "the first line names the columns, and one of them is `gateway`"
            self.mistakes.append(Mistake(line, 1, text))
        if self.mistakes:
            raise MistakesError(self.file, self.mistakes)
        return header

    def _row(self, cells: list[str], line: int) -> _Row:
        if len(cells) > len(self._header) and any(cells[len(self._header) :]):
            text = (
                f"{len(cells)} cells under {len(self._header)} columns: quote a text with the separator in it"
            )
            self.mistakes.append(Mistake(line, len(self._header) + 1, text))
        row = {name: unescaped(cell) for name, cell in zip(self._header, cells, strict=False)}
        return {name: cell for name, cell in row.items() if name and cell.strip()}

    def _add(self, line: int, row: _Row) -> None:
        """The entities of a row, each in the one of the row before it that is the same."""
        items = self._gateways
        path: Path = ("gateways",)
        for level, noun in enumerate(LEVELS):
            fields = {field: row[column] for column, field in LEVELS[noun].items() if column in row}
            if not fields:
                self._check_rest(line, row, level)
                return
            self._check_name(line, noun, fields)
            same = ("id", fields["id"]) if "id" in fields else ("name", fields.get("name", ""))
            index = self._index(items, path, same) if noun != "sensor" else self._new(items)
            entity, path = items[index], (*path, index)
            self._lines.setdefault(path, line)
            self._fill(line, noun, entity, path, fields)
            if noun != "sensor":
                part = "devices" if noun == "gateway" else "sensors"
                items, path = entity.setdefault(part, []), (*path, part)

    def _index(self, items: list[_Entity], path: Path, same: tuple[str, str]) -> int:
        seen = self._ids.setdefault(path, {})
        if same not in seen:
            seen[same] = self._new(items)
        return seen[same]

    def _new(self, items: list[_Entity]) -> int:
        items.append({})
        return len(items) - 1

    def _fill(self, line: int, noun: str, entity: _Entity, path: Path, fields: dict[str, str]) -> None:
        """Rows of one gateway say the same of it, or leave it to the others."""
        for field, text in fields.items():
            column = self._column(noun, field)
            before = self._cells.get((*path, field))
            if before is not None and before[2] != text:
                said = f"{self._header[column - 1]}: {text!r} here and {before[2]!r} in line {before[0]}"
                self.mistakes.append(Mistake(line, column, f"{said}, for one {noun}"))
            elif before is None:
                self._cells[*path, field] = (line, column, text)
                entity[field] = int(text) if field in TEXT_OF_NUMBER and text.isdecimal() else text

    def _check_rest(self, line: int, row: _Row, level: int) -> None:
        missing = list(LEVELS)[level]
        for noun in list(LEVELS)[level + 1 :]:
            for column in LEVELS[noun]:
                if column in row:
                    text = f"{column}: a {noun} without a {missing}: fill the column `{missing}`"
                    self.mistakes.append(Mistake(line, self._header.index(column) + 1, text))
                    return
        if level == 0:
            self.mistakes.append(Mistake(line, 1, "a row without a gateway"))

    def _check_name(self, line: int, noun: str, fields: dict[str, str]) -> None:
        if "name" not in fields and "id" not in fields:
            column = self._column(noun, next(iter(fields)))
            text = f"{self._header[column - 1]} without a name: fill the column `{noun}`"
            self.mistakes.append(Mistake(line, column, text))

    def _column(self, noun: str, field: str) -> int:
        column = next(column for column, name in LEVELS[noun].items() if name == field)
        return self._header.index(column) + 1


def _delimiter(text: str, lines: io.StringIO) -> str:
    """By the first line. Spreadsheets may name theirs in a line of its own, `sep=;`, which is read away."""
    first = text.split("\n", 1)[0].strip("\r")
    if first.lower().startswith("sep=") and len(first) == len("sep=;"):
        lines.readline()
        return first[-1]
    return max(",;\t", key=first.count)
