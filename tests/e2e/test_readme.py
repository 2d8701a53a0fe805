"""The README's commands, as somebody types them who has only the README, in a copy of the repository."""

import asyncio
import json
import os
import re
import shlex
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.processes import Process, eventually

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
CLOUDS_PAGE = (ROOT / "docs/get-started/real-clouds.md").read_text()
START, USE, CLOUDS = (
    [line for line in block.splitlines() if line]
    for block in re.findall(r"```sh\n(.*?)```", README + CLOUDS_PAGE, re.DOTALL)
)
(PYTHON,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHELL = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
"""Without what a make around these tests would tell its children."""
LEAVE = shutil.ignore_patterns(".venv*", ".git", ".run", ".*_cache", "__pycache__", ".hypothesis", ".env")


@pytest.fixture
def copy(tmp_path):
    """It has the environment of this one, so that nothing is installed."""
    made = tmp_path / "ferry"
    shutil.copytree(ROOT, made, ignore=LEAVE)
    (made / ".venv").symlink_to(ROOT / ".venv")
    return made


async def typed(line: str, copy: Path, **variables: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", line),
        cwd=copy,
        env={**SHELL, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode()


async def test_the_demo_ends_with_nothing_lost(copy):
    demo, _ = START
    assert demo == "DEMO_SECONDS=20 make demo"
    code, said = await typed(demo.replace("20", "4"), copy)
    assert code == 0, said
    ended = re.fullmatch(r"demo: (\d+) published, (\d+) delivered, 0 dead, 0 lost", said.splitlines()[-1])
    assert ended, said
    assert int(ended[1]) == int(ended[2]) > 0


@asynccontextmanager
async def running(copy: Path, folder: Path) -> AsyncIterator[dict[str, str]]:
    """`make run`, until Ctrl-C; the variables that it says are to be exported."""
    make, target = START[1].split()
    folder.mkdir()
    session = await Process.start("run", ["setsid", make, "-C", str(copy), target], folder, {})
    try:
        await eventually(lambda: said(session), within_s=40, what="make run is ready")
        export = re.search(r"export (FERRY_NATS__URL)=(\S+)", session.text())
        assert export
        yield {export[1]: export[2]}
    finally:
        await typed(f"pkill -INT --session {session.child.pid}", copy)  # Ctrl-C
        await asyncio.wait_for(session.child.wait(), 20)
    assert "Traceback" not in session.text(), session.text()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(export[2].rpartition(":")[2]))


async def test_what_is_run_is_used_as_the_readme_says(copy, tmp_path):
    async with running(copy, tmp_path / "first") as bus:
        for line in USE:
            code, shown = await typed(line, copy, **bus)
            assert code == 0, f"{line}: {shown}"
        code, shown = await typed(f".venv/bin/python -c {shlex.quote(PYTHON)}", copy, **bus)
        assert code == 0, shown
        code, shown = await typed(".venv/bin/ferry topology", copy, **bus)
        assert (code, "as they should be" in shown) == (0, True), shown
    async with running(copy, tmp_path / "second") as bus:
        # the registry still knows the fleet, so the sandbox must, too
        code, shown = await typed("; ".join(USE[:2]), copy, **bus)
        assert (code, "7 unchanged" in shown) == (0, True), shown

        async def delivered():
            _, state = await typed(".venv/bin/ferry status --json", copy, **bus)
            replicas = json.loads(state)["telemetry"]["replicas"]
            return replicas and replicas[0].get("delivered")

        await eventually(delivered, within_s=20, what="a reading delivered after the second start")


async def said(session: Process) -> bool:
    assert session.running, session.text()
    return "stop with Ctrl-C" in session.text()


def test_each_setting_of_the_clouds_is_one():
    documented = {line.split("=")[0] for line in CLOUDS}
    known = (ROOT / ".env.example").read_text()
    assert all(f"{name}=" in known for name in documented)
