"""One word for one thing: words that were replaced by plain ones come back nowhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RETIRED = re.compile(
    r"\b(verdicts?|fates?|doom(s|ed)?|bur(y|ies|ied|ials?)|condemn(s|ed)?|fenced|journeys?|in hand|given back)\b",
    re.IGNORECASE,
)
"""Cause, outcome, fail, dead letter, lease lost, delivery, in flight, parked say it (docs/telemetry.md)."""
KEPT = {"CHANGELOG.md", "libs/client/tests/test_help.py", "tests/contract/test_vocabulary.py"}
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".conf", ".html"}


def texts() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if Path(name).suffix in SUFFIXES and name not in KEPT]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the files are listed by git")
def test_retired_words_are_not_used():
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in texts()
        if (ROOT / name).exists()
        for number, line in enumerate((ROOT / name).read_text("utf-8", "replace").splitlines(), 1)
        if RETIRED.search(line)
    ]
    assert found == []
