"""What every command does alike: run on the bus, print a table or JSON, fail in words with exit code 1."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

import click
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table

from ferry.client.bus import Bus, connect
from ferry.contract.problems import ProblemError

R = TypeVar("R")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs, not a table.")


def on_bus(work: Callable[[Bus], Awaitable[R]]) -> R:
    """Connects, works, closes. A ProblemError becomes its sentence on stderr and exit code 1."""

    async def run() -> R:
        async with connect() as bus:
            return await work(bus)

    try:
        return asyncio.run(run())
    except ProblemError as error:
        fail(error)
    except ValidationError as error:
        fail(ProblemError.invalid(error))


def fail(error: ProblemError) -> NoReturn:
    problem = error.problem
    click.echo(f"ferry: {problem.title}", err=True)
    lines = [
        f"{name}: {text}" for name, text in (("field", problem.field), ("detail", problem.detail)) if text
    ]
    if problem.allowed:
        lines.append(f"allowed: {', '.join(problem.allowed)}")
    if problem.hint:
        lines.append(f"hint: {problem.hint}")
    for line in lines:
        click.echo(f"  {line}", err=True)
    sys.exit(1)


def print_json(value: BaseModel | Sequence[BaseModel] | dict[str, Any] | list[Any]) -> None:
    click.echo(json.dumps(_plain(value), ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True, by_alias=True)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)
