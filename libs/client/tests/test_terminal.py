"""Whatever a publisher, a service or a file says, the terminal shows it as text."""

import contextlib
import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from ferry.client.cli import tables, terminal
from ferry.contract.problems import Problem

COMMANDS = Path(terminal.__file__).parent
ANYTHING = st.text(st.characters(), max_size=40)
INVISIBLE = (
    "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u034f\u061c\u180e\u3164\u115f\ufe0f\U000e0041\U000e0100"
)
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = "".join(chr(number) for number in (*range(32), *range(127, 160))) + "\u2028\u2029\ud800"


def printed(call, *arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        call(*arguments)
    return out.getvalue() + err.getvalue()


def harmless(text):
    """By Unicode's own words, not by those of the code: nothing but graphic characters, spaces and line ends."""
    return all(character in " \n" or unicodedata.category(character)[0] in "LMNPS" for character in text)


@pytest.mark.parametrize("character", CONTROLS + INVISIBLE + BIDI)
def test_what_steers_or_hides_is_escaped(character):
    shown = terminal.safe(f"a{character}b")
    assert re.fullmatch(r"a\\([nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})b", shown)


@pytest.mark.parametrize(
    "text",
    ["Kühlhaus 3", "e\u0301te\u0301", "温度", "датчик-7", "θ = 36.5 °C", "[/x]", "[bold]", ":fire:", "{}\\"],
)
def test_ordinary_text_is_itself(text):
    assert terminal.safe(text) == text


def test_marks_do_not_climb_over_other_lines():
    shown = terminal.safe("a" + "\u0336" * 50)
    assert sum(unicodedata.combining(character) > 0 for character in shown) == terminal.MOST_MARKS


@given(ANYTHING)
@example("[/x]")
@example("\x1b]0;owned\x07\x1b[2J")
@example("\x9b31m")
@example("a\u202eb")
def test_no_way_out_prints_anything_else(text):
    problem = Problem(type="x", title=text, status=400, detail=text, field=text, allowed=[text], hint=text)
    for said in (
        printed(terminal.say, text),
        printed(terminal.print_table, ("id", "name"), [(text, text), (1, None)]),
        printed(terminal.print_fields, [(text, text)]),
        printed(terminal.print_hanging, text, text, "red"),
        printed(terminal.print_problem, problem),
        printed(terminal.print_text, text),
        printed(terminal.print_json, {text: [text]}),
    ):
        assert harmless(said), said


@given(ANYTHING)
def test_json_says_the_same_to_a_program(text):
    assert json.loads(printed(terminal.print_json, {"a": text})) == {"a": text}


@given(
    st.lists(st.tuples(*[st.text(st.characters(categories=["L", "N"]), max_size=130)] * 3), max_size=4),
    st.integers(20, 200),
)
@example([("a" * 128, "b" * 128, "c")], 80)
def test_no_table_is_wider_than_the_screen_but_for_one_long_word(rows, width):
    columns = ("id", "gateway", "detail")
    lines = list(tables.laid_out(columns, rows, width))
    assert all(cell_len(line.text) <= width for line in lines) or not any(line.heading for line in lines)
    together = "".join(line.text.replace(" ", "") for line in lines)
    assert all(row[0] in together for row in rows)


@pytest.mark.parametrize("unix_ms", [10**30, -(10**30), 253_402_300_800_000])
def test_a_time_that_no_calendar_has_is_a_number(unix_ms):
    assert terminal.moment(unix_ms) == str(unix_ms)


def test_every_command_prints_by_these_functions():
    """click.echo, print and rich's tables take text as it comes."""
    for path in COMMANDS.rglob("*.py"):
        if path.name not in {"terminal.py", "running.py", "tables.py"}:
            assert not re.search(
                r"\b(click\.(echo|secho|confirm)|print|Table|Console)\(", path.read_text()
            ), path.name
