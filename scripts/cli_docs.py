"""Writes docs/reference/cli.md, what each command takes, from the commands themselves: `make cli-docs`."""

from collections.abc import Iterator
from pathlib import Path

import click

from ferry.client.cli.main import SECTIONS

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/cli.md"
WIDTH = 100
INTRODUCTION = """# Reference of the `ferry` command

Made by `make cli-docs` from the commands. How to use them: [the `ferry` command](../operate/command.md), [a fleet in one file](../operate/fleet.md),
[operations](../operate/index.md). Every command takes `--context NAME`, which connects as that context says, and `--help`;
they are left out below.
"""
EVERYWHERE = {"--context", "--help"}


def page() -> str:
    return "\n".join((INTRODUCTION, *_sections()))


def _sections() -> Iterator[str]:
    for title, commands in SECTIONS.items():
        yield f"## {title}\n"
        for command in commands:
            yield from _described(command, "ferry")


def _described(command: click.Command, path: str) -> Iterator[str]:
    path = f"{path} {command.name}"
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from _described(below, path)
        return
    context = click.Context(command, info_name=path, terminal_width=WIDTH, max_content_width=WIDTH)
    formatter = context.make_formatter()
    command.format_usage(context, formatter)
    command.format_help_text(context, formatter)
    options = [
        found
        for one in command.get_params(context)
        if isinstance(one, click.Option)
        and not EVERYWHERE & {*one.opts}
        and (found := one.get_help_record(context))
    ]
    if options:
        with formatter.section("Options"):
            formatter.write_dl(options)
    yield f"### `{path}`\n\n```\n{formatter.getvalue().rstrip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
