"""Lock files pin and hash; where a package comes from is the installer's own setting."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
LOCKS = [
    name for name in LISTED.splitlines() if re.search(r"package-lock\.json$|^requirements/.*\.txt$", name)
]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_names_no_address(name):
    found = re.findall(r".*://.*", (ROOT / name).read_text("utf-8"))
    assert found == [], "npm install --package-lock-only, then remove `resolved`, `funding` and `deprecated`"
