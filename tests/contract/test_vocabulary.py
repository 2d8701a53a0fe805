"""One word for one thing: words that were replaced by plain ones come back nowhere."""

import re
import subprocess
from pathlib import Path

import pytest
from vocabulary import PHRASES, RETIRED

ROOT = Path(__file__).resolve().parents[2]
KEPT = {"CHANGELOG.md", "CONTRIBUTING.md", "tests/support/vocabulary.py"}
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


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the files are listed by git")
@pytest.mark.parametrize(("phrase", "instead"), PHRASES.items())
def test_no_sentence_sounds_translated(phrase, instead):
    pattern = re.compile(phrase, re.IGNORECASE)
    found = [
        f"{name}: {hit[0]!r}"
        for name in texts()
        if (ROOT / name).exists() and not name.startswith("docs/decisions/")
        for hit in pattern.finditer((ROOT / name).read_text("utf-8", "replace"))
    ]
    assert found == [], f"write: {instead}"
