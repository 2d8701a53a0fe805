"""`--context`, which every command accepts, and the selected connection."""

import click
from click.shell_completion import CompletionItem

from ferry.client import contexts
from ferry.client.contexts import files
from ferry.client.errors import SettingsError
from ferry.client.settings import NatsSettings

_KEY = "ferry.context"


def chosen_settings() -> NatsSettings:
    """The connection settings of the running command. Raises SettingsError."""
    return contexts.chosen(chosen_context())


def chosen_context() -> str | None:
    """The --context that was given."""
    running = click.get_current_context(silent=True)
    name: str | None = running.meta.get(_KEY) if running else None
    return name


def complete_context(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    try:
        return [CompletionItem(name) for name in files.names() if name.startswith(typed)]
    except SettingsError:
        return []


def with_context(command: click.Command) -> None:
    """Adds --context to a command and all below it."""
    command.params.append(
        click.Option(
            ["--context"],
            metavar="NAME",
            expose_value=False,
            callback=_choose,
            shell_complete=complete_context,
            help="Connect as this context says (`ferry context list`).",
        )
    )
    if isinstance(command, click.Group):
        for below in command.commands.values():
            with_context(below)


def _choose(running: click.Context, _: click.Parameter, name: str | None) -> None:
    """The last one that was given counts: each command of a line has its own."""
    if name is not None:
        running.meta[_KEY] = name
