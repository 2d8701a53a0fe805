"""The commands of `ferry`, each with the words that lead to it."""

from collections.abc import Iterator

import click

from ferry.client.cli.main import ferry

Path = tuple[str, ...]


def every(command: click.Command = ferry, path: Path = ()) -> Iterator[tuple[Path, click.Command]]:
    """Groups, too, and `ferry` itself first."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from every(below, (*path, name))


def doing() -> Iterator[tuple[Path, click.Command]]:
    """Those that do something: no group."""
    return ((path, command) for path, command in every() if not isinstance(command, click.Group))
