"""The hosted CI does what .ci/run does, for each Python that the packages promise."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CI = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
PROMISED = re.compile(r'"Programming Language :: Python :: (3\.\d+)"')


def commands(job):
    return [step["run"].split(" PYTHON=")[0] for step in CI["jobs"][job]["steps"] if "run" in step]


def test_it_runs_what_ci_run_runs():
    lines = (ROOT / ".ci/run").read_text().splitlines()
    here = [line for line in lines if line.startswith(("make ", "scripts/"))]
    assert [*commands("check"), *commands("test")[1:]] == here


def test_every_package_promises_the_pythons_that_are_tested():
    tested = CI["jobs"]["test"]["strategy"]["matrix"]["python"]
    for path in ROOT.glob("*/*/pyproject.toml"):
        assert PROMISED.findall(path.read_text()) == tested, path


def test_it_may_read_alone():
    assert CI["permissions"] == {}
    for job in CI["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["steps"][0]["with"] == {"persist-credentials": False}
        assert "secrets." not in str(job)
