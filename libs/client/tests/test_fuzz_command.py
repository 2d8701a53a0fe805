"""Nonsense typed at every command: it ends in words, within bounds, and never in a traceback."""

import contextlib
import io
import os
import sys
from pathlib import Path

import click
import pytest
from command_tree import doing
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ferry.client.cli.exits import Exit
from ferry.client.cli.main import ferry
from ferry.client.cli.running import run
from harness.processes import free_port

COMMANDS = dict(doing())
NONSENSE = st.one_of(
    st.text(st.characters(exclude_characters="\x00"), max_size=20),
    st.text("ab .*>/\\-_é\u202e\x1b\n", max_size=140),
    st.sampled_from(
        [
            "",
            "-",
            "--",
            "-5",
            "a b",
            "a.b",
            "x" * 129,
            "*",
            ">",
            "99999999999",
            "9" * 400,
            "-1",
            "0",
            "1e400",
            "nan",
        ]
    ),
    st.sampled_from(
        [
            "/",
            "/nonexistent",
            "/dev/null",
            ".",
            "file",
            "binary",
            "deep.yaml",
            "../..",
            "~",
            "@x",
            "http://[",
            "\udcff",
        ]
    ),
    st.integers().map(str),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("typed")
    (made / "file").write_text("gateways:\n- name: a\n  nonsense: [1, {2: 3}]\n")
    (made / "binary").write_bytes(bytes(range(256)))
    (made / "deep.yaml").write_text("[" * 5000)
    return made


class Typed(io.TextIOWrapper):
    def __init__(self, encoding):
        self.kept = io.BytesIO()
        super().__init__(self.kept, encoding)

    @property
    def text(self):
        self.flush()
        return self.kept.getvalue().decode(self.encoding, "replace")


@contextlib.contextmanager
def surroundings(folder, variables):
    """As a shell gives them, and as they were afterwards."""
    kept, here = dict(os.environ), Path.cwd()
    for name in [name for name in os.environ if name.startswith("FERRY_")]:
        del os.environ[name]
    os.environ.update(
        {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "COLUMNS": "80", **variables}
    )
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(kept)


def typed(folder, arguments, variables=None, encoding="utf-8"):
    """Exit code and stderr."""
    out, err = Typed(encoding), Typed(encoding)
    kept = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(b"y\nno\n\xff\n"), "utf-8")
    try:
        with (
            surroundings(folder, variables or {"FERRY_NATS__URL": f"nats://127.0.0.1:{free_port()}"}),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            run(ferry, arguments)
    finally:
        sys.stdin = kept
    return ended.value.code, err.text, out.text


def check(code, err, out):
    assert code in set(Exit), (code, err)
    assert "Traceback" not in err + out
    assert "ferry: failed:" not in err, err  # what nobody thought of
    assert "errors.pydantic.dev" not in err
    assert code == 0 or "ferry: " in err or err.startswith("Usage: ") or out, err
    for character in set(err) - {"\n"}:
        assert character.isprintable(), ascii(err)


@st.composite
def lines(draw):
    """A command, and what somebody types behind it: its own options with anything, and anything."""
    path = draw(st.sampled_from(sorted(COMMANDS)))
    command = COMMANDS[path]
    words = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            count = draw(st.integers(0, 3)) if parameter.nargs == -1 else draw(st.sampled_from([1, 1, 1, 0]))
            words += [draw(NONSENSE) for _ in range(count)]
        elif "--wait-s" not in parameter.opts and draw(st.booleans()):  # it waits as long as it is told
            words.append(draw(st.sampled_from(parameter.opts)))
            if not (isinstance(parameter, click.Option) and parameter.is_flag):
                words.append(draw(NONSENSE))
    words += draw(st.lists(NONSENSE, max_size=1))
    return [*path, *words]


@pytest.mark.timeout(90)
@settings(
    max_examples=int(os.environ.get("FERRY_FUZZ", "150")),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
@given(arguments=lines(), encoding=st.sampled_from(["utf-8", "ascii", "latin-1"]))
@example(arguments=["asyncapi", "\xd7\xab"], encoding="latin-1")
def test_nonsense_ends_in_words(folder, arguments, encoding):
    check(*typed(folder, arguments, encoding=encoding))


SETTINGS = (
    *(
        f"FERRY_NATS__{name}"
        for name in ("URL", "USER", "PASSWORD", "NKEY_SEED", "CREDENTIALS_FILE", "TLS_CA_FILE")
    ),
    *(
        "FERRY_NATS__INBOX_PREFIX",
        "FERRY_SECRETS_DIR",
        "FERRY_CONTEXT",
        "XDG_CONFIG_HOME",
        "COLUMNS",
        "NO_COLOR",
    ),
)
VALUES = st.one_of(
    NONSENSE.map(lambda text: text.replace("\x00", "")).filter(
        lambda text: text.isascii() or max(text) < "\ud800"
    ),
    st.sampled_from(
        [
            "nats://127.0.0.1:1",
            "tls://127.0.0.1:1",
            "ws://127.0.0.1:1",
            "nats://[::1]:1",
            "nats://u:p@127.0.0.1:1",
        ]
    ),
    st.just("SUAMK2FG4MI6UE3ACF3FK3OIQBCEIEZV7NSWFFEW63UXMRLFM2XLAXK4GX"),
)
ASKING = ["status", "gateways list", "publish series g s 1", "dead count", "context list"]


@pytest.mark.timeout(90)
@settings(
    max_examples=int(os.environ.get("FERRY_FUZZ", "25")),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
@given(st.dictionaries(st.sampled_from(SETTINGS), VALUES, min_size=1, max_size=4), st.sampled_from(ASKING))
def test_nonsense_in_the_settings_ends_in_words(folder, variables, line):
    variables = {"FERRY_NATS__URL": "nats://127.0.0.1:1", **variables}
    code, err, out = typed(folder, line.split(), variables)
    check(code, err, out)
    for name in ("PASSWORD", "NKEY_SEED"):
        secret = variables.get(f"FERRY_NATS__{name}", "")
        shown_elsewhere = any(
            secret in value for key, value in variables.items() if key != f"FERRY_NATS__{name}"
        )
        assert len(secret) < 8 or shown_elsewhere or secret not in err + out
