"""What was typed wrong is said in words, without a bus and without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

FERRY = Path(sys.executable).parent / "ferry"
NOWHERE = {"FERRY_NATS__URL": "nats://127.0.0.1:1", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
TYPED = [
    ("gateways list --after|x y", "after"),
    ("devices list --gateway|a b", "an id has only letters"),
    ("publish status g on --sensor|a b", "an id has only letters"),
    ("publish status g on --valid|99999999999", "not in the range"),
    ("publish series g s|-5", "no connection to NATS"),
    ("publish series g s|--tiem", "No such option"),
]


@pytest.mark.parametrize(("typed", "words"), TYPED)
def test_what_is_wrong_is_said(typed, words):
    start, _, last = typed.partition("|")
    done = subprocess.run(
        [FERRY, *start.split(), last], capture_output=True, text=True, check=False, env=NOWHERE
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "errors.pydantic.dev" not in done.stderr


def test_a_full_disk_is_said():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [FERRY, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=NOWHERE
        )
    assert done.returncode == 1
    assert done.stderr.startswith("ferry: the output cannot be written: [Errno 28]")
