"""Runs every command: connects if needed, and ends with a message and an exit code, never with a traceback."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn, TypeVar

import click
from pydantic import ValidationError

from ferry.client.bus import Bus, connect
from ferry.client.cli.choosing import chosen_settings
from ferry.client.cli.exits import Exit
from ferry.client.cli.terminal import fail, print_problem, say
from ferry.contract.problems import ProblemError

R = TypeVar("R")
DEBUG_VARIABLE = "FERRY_DEBUG"


def on_bus(work: Callable[[Bus], Awaitable[R]]) -> R:
    """Connects, works, closes. A failure becomes its sentence on stderr and exit code 1."""
    settings = in_words(chosen_settings)

    async def run() -> R:
        async with connect(settings) as bus:
            return await work(bus)

    return in_words(lambda: asyncio.run(run()))


def in_words(work: Callable[[], R]) -> R:
    """What the work raises for its caller's input or the bus's state becomes a sentence and exit code 1."""
    try:
        return work()
    except ProblemError as error:
        fail(error)
    except ValidationError as error:
        fail(ProblemError.invalid(error))
    except ValueError as error:
        fail(ProblemError.of("invalid-request", 400, str(error)))


def run(command: click.Command, arguments: Sequence[str] | None = None) -> NoReturn:
    """The process's one way out: 0, the command's own code, 1 for a failure, 130 for Ctrl-C."""
    _open_what_is_closed()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an ASCII terminal still gets every character, and gives any byte
            stream.reconfigure(errors="backslashreplace")
    code = _ended(command, arguments)
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        _output_lost(error)
        code = Exit.FAILED
    sys.exit(code)


def _open_what_is_closed() -> None:
    """A stream that the shell closed (`>&-`) is None, and its number would be the next socket's: it goes nowhere."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _ended(command: click.Command, arguments: Sequence[str] | None) -> int:
    try:
        code = command.main(arguments, prog_name="ferry", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
        say("ferry: stopped", err=True)
        return Exit.STOPPED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets a sentence
        _explain(error)
        return Exit.FAILED
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> None:
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
        case click.ClickException():
            _show_usage(error)
        case ProblemError():
            print_problem(error.problem)
        case ValidationError():
            print_problem(ProblemError.invalid(error).problem)
        case OSError(filename=None):
            _output_lost(error)
        case UnicodeEncodeError():  # a surrogate: how Python gives us an argument's bytes that are not valid text
            say("ferry: an argument is not UTF-8", err=True)
        case _:
            _show_fault(error)


def _show_usage(error: click.ClickException) -> None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    say(f"ferry: {error.format_message()}", err=True)
    if context is not None:
        say(f"  usage: {context.get_usage().removeprefix('Usage: ')}", err=True)
        say(f"  help:  {context.command_path} --help", err=True)


def _output_lost(error: OSError | ValueError) -> None:
    """The output went nowhere (a full disk, a closed pipe): nothing more is written there, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if not isinstance(error, BrokenPipeError):
        say(f"ferry: the output cannot be written: {error}", err=True)


def _show_fault(error: Exception) -> None:
    if os.environ.get(DEBUG_VARIABLE):
        raise error
    say(f"ferry: failed: {type(error).__name__}: {error}", err=True)
    say(f"  hint: if this looks like a bug in ferry, {DEBUG_VARIABLE}=1 shows where it happened", err=True)
