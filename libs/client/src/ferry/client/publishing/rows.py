"""Rows from an iterable, a pandas DataFrame or a CSV file. Each knows its position, for errors."""

import csv
import os
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

FIELDS = ("gateway", "sensor", "value", "time")
_ALLOWED = frozenset(FIELDS)
CHUNK = 500
CHUNK_S = 0.2
"""A slow source is not waited for to fill a chunk."""


@dataclass(slots=True)
class Row:
    gateway: str
    sensor: str
    value: object
    time: object
    number: int
    source: str = ""

    @property
    def where(self) -> str:
        return _where(self.number, self.source)


def _where(number: int, source: str) -> str:
    return f"{source} line {number}" if source else f"row {number}"


class Reader:
    """`fixed` are the fields that every row shares; a row has the others, in the order gateway, sensor, value, time."""

    def __init__(self, gateway: str | None, sensor: str | None) -> None:
        self._fixed = {
            name: text for name, text in (("gateway", gateway), ("sensor", sensor)) if text is not None
        }
        self._names = [name for name in FIELDS if name not in self._fixed]

    def row(self, given: object, number: int, source: str = "") -> Row:
        """Raises ValueError."""
        if isinstance(given, tuple | list):  # the common case, without a look at what a mapping may hold
            fields = self._named(given, number, source)
        elif isinstance(given, Mapping):
            fields = {**self._fixed, **given}
            if not fields.keys() <= _ALLOWED:
                unknown = min(map(str, fields.keys() - _ALLOWED))
                raise ValueError(
                    f"{_where(number, source)}: no field {unknown!r}; allowed: {', '.join(self._names)}"
                )
        elif isinstance(given, Sequence) and not isinstance(given, str | bytes):
            fields = self._named(given, number, source)
        elif self._names == ["value", "time"]:
            fields = {**self._fixed, "value": given}
        else:
            raise ValueError(
                f"{_where(number, source)}: a row is a tuple or a mapping of {', '.join(self._names)}"
            )
        gateway, sensor, value = fields.get("gateway"), fields.get("sensor"), fields.get("value")
        if gateway is None or sensor is None or value is None:
            missing = next(name for name in FIELDS if fields.get(name) is None)
            raise ValueError(f"{_where(number, source)}: it has no {missing}")
        return Row(str(gateway), str(sensor), value, fields.get("time"), number, source)

    def _named(self, cells: Sequence[object], number: int, source: str) -> dict[str, object]:
        if not len(self._names) - 1 <= len(cells) <= len(self._names):
            raise ValueError(
                f"{_where(number, source)}: a row is ({', '.join(self._names)}), the time optional; "
                f"this one has {len(cells)}"
            )
        fields = dict(zip(self._names, cells, strict=False))
        return {**self._fixed, **fields} if self._fixed else fields

    def rows(self, source: Any) -> Iterator[Row]:
        """Raises ValueError, OSError for a file that cannot be read."""
        if isinstance(source, str | os.PathLike):
            yield from self._csv(Path(source))
        elif hasattr(source, "itertuples") and hasattr(source, "columns"):
            yield from self._frame(source)
        else:
            for number, given in enumerate(source, 1):
                yield self.row(given, number)

    async def rows_async(self, source: AsyncIterable[object]) -> AsyncIterator[Row]:
        number = 0
        async for given in source:
            number += 1
            yield self.row(given, number)

    def _csv(self, path: Path) -> Iterator[Row]:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines, strict=True)
            try:
                self._check_columns(path, table.fieldnames or ())
                for fields in table:
                    yield self._csv_row(fields, table.line_num, str(path))
            except csv.Error as error:
                raise ValueError(f"{path} line {table.line_num}: {error}") from None
            except UnicodeDecodeError:
                raise ValueError(f"{path} is not UTF-8") from None

    def _check_columns(self, path: Path, columns: Sequence[str]) -> None:
        if unknown := [name for name in columns if name not in FIELDS]:
            raise ValueError(
                f"{path} line 1: no column {unknown[0]!r}; the columns are {', '.join(self._names)}"
            )
        if missing := [name for name in self._names if name not in columns and name != "time"]:
            raise ValueError(
                f"{path} line 1: the column {missing[0]!r} is missing; the columns are {', '.join(self._names)}"
            )

    def _csv_row(self, fields: Mapping[str | Any, Any], line: int, source: str) -> Row:
        if None in fields or None in fields.values():
            raise ValueError(f"{source} line {line}: it has more or fewer cells than the first line")
        text = str(fields.get("time") or "")
        try:
            moment: object = (
                (int(text) if text.lstrip("-").isdigit() else datetime.fromisoformat(text)) if text else None
            )
        except ValueError:
            raise ValueError(
                f"{source} line {line}: time is Unix ms or ISO 8601 with a zone, not {text!r}"
            ) from None
        return self.row({**fields, "time": moment}, line, source)

    def _frame(self, frame: Any) -> Iterator[Row]:
        names = [str(name) for name in frame.columns]
        with_index = "time" not in names and hasattr(frame.index, "tz")
        for number, cells in enumerate(frame.itertuples(index=with_index, name=None), 1):
            fields = dict(zip(["time", *names] if with_index else names, cells, strict=True))
            yield self.row(fields, number)


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    taken: list[Row] = []
    since = time.monotonic()
    for row in rows:
        taken.append(row)
        if len(taken) == CHUNK or time.monotonic() - since > CHUNK_S:
            yield taken
            taken, since = [], time.monotonic()
    if taken:
        yield taken
