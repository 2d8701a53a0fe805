"""`ferry asyncapi`: the contract in machine-readable form."""

import json
from importlib.metadata import version

import click

from ferry.client.cli.terminal import print_text
from ferry.contract.asyncapi import document


@click.command()
def asyncapi() -> None:
    """Print the AsyncAPI 3 document of the bus."""
    print_text(json.dumps(document(version("ferry-contract")), indent=2))
