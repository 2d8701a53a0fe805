"""Help as somebody reads it: the reference is the commands' own, lines fit 80 columns, sentences are complete."""

import re

import click
import pytest
from cli_docs import PAGE, page
from click.testing import CliRunner
from command_tree import every
from vocabulary import RETIRED_IN_HELP

from ferry.client.cli.main import SECTIONS, ferry

ALL = [pytest.param(path, command, id=" ".join(path) or "ferry") for path, command in every()]


def test_the_reference_is_the_commands_own():
    assert PAGE.read_text("utf-8") == page(), "run `make cli-docs`"


@pytest.mark.parametrize(("path", "command"), ALL)
def test_help_fits_a_screen_of_80_columns_and_is_in_whole_sentences(path, command):
    said = CliRunner(env={"COLUMNS": "80"}).invoke(ferry, [*path, "--help"], prog_name="ferry")
    assert said.exit_code == 0
    assert max(map(len, said.output.splitlines())) <= 80
    assert "..." not in re.sub(r"GATEWAY\.\.\.|PATHS\.\.\.|ARGS\]\.\.\.", "", said.output), (
        "a sentence that is cut"
    )
    assert not RETIRED_IN_HELP.search(said.output)
    assert command.help
    assert command.help.strip().splitlines()[0].rstrip().endswith(".")
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert all(one.help for one in options), [one.name for one in options if not one.help]


def test_every_command_is_listed():
    listed = {command.name for section in SECTIONS.values() for command in section}
    assert listed == set(ferry.commands)
