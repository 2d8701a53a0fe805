"""Reads a file into a fleet, with every mistake that can be found offline."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from ferry.client.fleet.file import checks, words
from ferry.client.fleet.file.declared import FleetFile
from ferry.client.fleet.file.formats.csv_source import CsvSource
from ferry.client.fleet.file.formats.text import decoded
from ferry.client.fleet.file.formats.yaml_source import YamlSource
from ferry.client.fleet.file.mistakes import MistakesError, Source
from ferry.client.fleet.file.model_52 import MODEL_52
from ferry.client.fleet.file.repaired import repaired
from ferry.client.fleet.file.written_out import written_out
from ferry.client.fleet.wanted import Fleet
from ferry.contract.problems import ProblemError

CSV = ".csv"
LARGEST_FILE = 64 * 2**20
"""Bytes; a gateway with its sensors takes some thousands. /dev/zero has no end."""
BUILT_IN = {MODEL_52.id: MODEL_52}


def read(path: Path) -> Fleet:
    """A fleet that fits to itself, not yet to its gateway models. Raises ProblemError, most often MistakesError."""
    with _no_collection():
        return _read(path)


def _read(path: Path) -> Fleet:
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ProblemError.of("no-file", 400, f"cannot read {path}", detail=error.strerror or "") from None
    if len(body) > LARGEST_FILE:
        title = f"{path} is no fleet file: it has more than {LARGEST_FILE // 2**20} MiB"
        raise ProblemError.of("file-too-large", 400, title, hint="several files may declare a fleet")
    text = decoded(str(path), body)
    read_as: Callable[[str, str], Source] = CsvSource if path.suffix.lower() == CSV else YamlSource
    source = read_as(str(path), text)
    mistakes = source.mistakes
    declared: FleetFile | None = None
    try:
        declared = FleetFile.model_validate(source.data)
    except ValidationError as error:
        mistakes = [*mistakes, *words.mistakes_of(error, source)]
        declared = repaired(error, source)
    if declared is None:
        raise MistakesError(source.file, mistakes)
    fleet, more = written_out(declared, source)
    mistakes = [*mistakes, *more, *checks.mistakes_of(fleet)]
    if mistakes:
        raise MistakesError(source.file, [*mistakes, *checks.mistakes_by_model(fleet, BUILT_IN)])
    return fleet


@contextmanager
def _no_collection() -> Iterator[None]:
    """A large file makes a million objects, none of them garbage: looking for it takes half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
