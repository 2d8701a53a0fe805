"""Every command of docs/operate/fleet.md, one after the other, says what the page says."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from harness.services import FERRY

PAGE = Path(__file__).resolve().parents[2] / "docs/operate/fleet.md"
BLOCK = re.compile(r"^```(\w+)(?: title=\"(\S+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RANDOM_ID = re.compile(r"\([0-9a-f]{32}\)")

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


def commands(block):
    """Each with what it says."""
    for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, said = one.partition("\n")
        yield command, said


async def test_the_guides_commands_say_what_it_says(cleared, tmp_path):
    path = f"{FERRY.parent}:{os.environ['PATH']}"
    env = {**os.environ, **cleared.bus.env("operator"), "PATH": path}
    typed = 0
    for language, file, block in BLOCK.findall(PAGE.read_text()):
        if file:
            (tmp_path / file).write_text(block)
        for command, said in commands(block) if language == "console" else ():
            child = await asyncio.create_subprocess_exec(
                "bash", "-c", command, cwd=tmp_path, env=env,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            output = (await asyncio.wait_for(child.communicate(), 60))[0].decode()
            assert RANDOM_ID.sub("(…)", output) == said, command
            typed += 1
    assert typed > 10
