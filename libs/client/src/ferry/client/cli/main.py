"""The `ferry` command."""

import textwrap
from typing import NoReturn

import click

from ferry.client.cli.asyncapi import asyncapi
from ferry.client.cli.choosing import with_context
from ferry.client.cli.exits import MEANINGS
from ferry.client.cli.fleet.commands import apply, export, plan, schema, validate
from ferry.client.cli.fleet.imports import import_
from ferry.client.cli.operations.auth import auth
from ferry.client.cli.operations.dead import dead
from ferry.client.cli.operations.doctor import doctor
from ferry.client.cli.operations.lanes import lanes
from ferry.client.cli.operations.status import status
from ferry.client.cli.operations.watch import watch
from ferry.client.cli.otosense.commands import otosense
from ferry.client.cli.publish import publish
from ferry.client.cli.registry import devices, gateways, sensors, sites
from ferry.client.cli.running import run
from ferry.client.cli.setup.completion import completion
from ferry.client.cli.setup.context import context
from ferry.client.cli.setup.publisher import publisher
from ferry.client.cli.setup.topology import topology

_EXITS = "\b\nExit codes:\n" + "\n".join(
    textwrap.fill(meaning, 76, initial_indent=f"  {code.value:<5}", subsequent_indent=" " * 7)
    for code, meaning in MEANINGS.items()
)
SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "The fleet": (
        validate,
        plan,
        apply,
        import_,
        export,
        schema,
        sites,
        gateways,
        devices,
        sensors,
        otosense,
    ),
    "Publish": (publish, publisher),
    "Operate": (status, doctor, watch, dead, lanes, auth),
    "Set up": (context, topology, completion, asyncapi),
}


class _Sections(click.Group):
    """Its commands are listed under headings."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(len(name) for name in self.list_commands(ctx))
        room = formatter.width - widest - 6
        for title, commands in SECTIONS.items():
            rows = [(f"{command.name:<{widest}}", command.get_short_help_str(room)) for command in commands]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(cls=_Sections, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXITS)
@click.version_option(package_name="ferry-client", prog_name="ferry")
def ferry() -> None:
    """Ferry delivers readings from a NATS bus to Thing+ and onboards OtoSense sensors.

    Which bus: --context, FERRY_CONTEXT, FERRY_NATS__URL, the context in use, or nats://127.0.0.1:4222.
    """


for section in SECTIONS.values():
    for command in section:
        ferry.add_command(command)
with_context(ferry)


def main() -> NoReturn:
    run(ferry)
