"""Completion in the shells themselves: what somebody types before TAB, and what stands there after it."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

# the child replaces itself by a shell at once, so that other threads do not matter (Python 3.12 and newer warn)
pytestmark = pytest.mark.filterwarnings("ignore:.*use of forkpty:DeprecationWarning")

BIN = Path(sys.executable).parent
CASES = [
    ("ferry doct", "ferry doctor"),
    ("ferry watch --only dea", "ferry watch --only dead"),
    ("ferry context remove pla", "ferry context remove plant"),
]
SETUP = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}
BEGIN = {
    "bash": "PS1='ready> '; bind 'set enable-bracketed-paste off'; eval \"$(ferry completion bash)\"\n",
    "zsh": "PS1='ready> '; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -D -u; "
    'eval "$(ferry completion zsh)"\n',
}


@pytest.fixture
def env(tmp_path):
    contexts = tmp_path / "config" / "ferry" / "contexts"
    contexts.mkdir(parents=True)
    (contexts / "plant.json").write_text('{"url": "nats://127.0.0.1:1"}')
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FERRY_")}
    path = f"{BIN}:{os.environ['PATH']}"
    return {
        **kept,
        "PATH": path,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "HOME": str(tmp_path),
        "TERM": "dumb",
    }


def needs(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell.upper()} IS NOT HERE: its completion was not tried")


class Typist:
    """A shell on a terminal of its own."""

    def __init__(self, command, env):
        child, self.terminal = pty.fork()
        if child == 0:
            os.execvpe(command[0], command, env)
        self.child = child
        self.seen = ""

    def type(self, text):
        os.write(self.terminal, text.encode())

    def until(self, pattern, within_s=30):
        """What it shows, once it shows the pattern; escape sequences are left out."""
        deadline = time.monotonic() + within_s
        while not re.search(pattern, self.seen):
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern!r} did not come: {self.seen!r}"
            if select.select([self.terminal], [], [], left)[0]:
                piece = os.read(self.terminal, 65_536).decode(errors="replace")
                self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\x07\r]", "", piece)

    def close(self):
        os.close(self.terminal)
        os.kill(self.child, 9)
        os.waitpid(self.child, 0)


@pytest.mark.parametrize("shell", SETUP)
def test_tab_completes(shell, env):
    needs(shell)
    typist = Typist(SETUP[shell], env)
    try:
        typist.type(BEGIN[shell])
        typist.until(r"ready> $")
        for typed, whole in CASES:
            typist.seen = ""
            typist.type(f"{typed}\t")
            typist.until(rf"{re.escape(whole)} ?(\s|$)")
            typist.type("\x15\n")  # the line is cleared
            typist.until(r"ready> $")
    finally:
        typist.close()


def test_fish_completes(env):
    needs("fish")
    script = "ferry completion fish | source; " + "; ".join(f"complete -C {typed!r}" for typed, _ in CASES)
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], capture_output=True, text=True, env=env, check=False
    )
    offered = done.stdout.splitlines()
    assert [line.split("\t")[0] for line in offered] == [whole.split()[-1] for _, whole in CASES], done.stderr


def test_a_shell_that_is_none_is_said(env):
    done = subprocess.run(
        [BIN / "ferry", "completion", "tcsh"], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode != 0
    assert "'tcsh' is not one of" in done.stderr
