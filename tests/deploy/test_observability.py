"""Alerts that sound when they must and only then, each with its procedure; files that are made, as they are made."""

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import observability
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "observability"
RUNBOOK = (ROOT / "docs/operate/runbook.md").read_text()
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ferry" / "prometheus"
PROMTOOL = shutil.which("promtool", path=f"{os.environ['PATH']}:{CACHE}/usr/bin")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="NO PROMTOOL HERE: the alerts are not tested (scripts/ci-tools.sh unpacks it)"
)


def rules():
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return group["rules"]


def promtool(*arguments, folder=FOLDER):
    done = subprocess.run(
        [str(PROMTOOL), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_what_is_made_is_made_of_what_is_there():
    for path, text in observability.files().items():
        assert path.read_text() == text, "run scripts/observability.py"
    assert {path.name for path in observability.DASHBOARDS.iterdir()} <= {
        p.name for p in observability.files()
    }


def test_each_alert_has_a_procedure():
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
    anchors = {name.lower(): text for name, text in sections.items()}
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operate/runbook.md"
        assert rule["alert"] in anchors[anchor] or rule["alert"].lower() == anchor
        steps = re.findall(r"^(\d+)\. ", anchors[anchor], re.MULTILINE)
        assert steps == [str(number) for number in range(1, len(steps) + 1)]
        assert len(steps) >= 2, rule["alert"]
        assert re.search(r"^Resolved ", anchors[anchor], re.MULTILINE), "when it is resolved"
    assert set(anchors) <= {rule["annotations"]["runbook"].partition("#")[2] for rule in rules()}


def test_each_alert_is_tested_firing_and_silent():
    tested = defaultdict(set)
    for test in yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]:
        for case in test["alert_rule_test"]:
            tested[case["alertname"]].add(bool(case["exp_alerts"]))
    assert tested == {rule["alert"]: {True, False} for rule in rules()}


@needs_promtool
def test_the_alerts_sound_when_they_must_and_only_then():
    code, said = promtool("test", "rules", "alerts_test.yml")
    assert code == 0, said


@needs_promtool
def test_an_alert_that_never_sounds_is_noticed(tmp_path):
    """The tests of the alerts can fail: each of them, when its own expression says nothing."""
    shutil.copytree(FOLDER, tmp_path / "observability")
    file = tmp_path / "observability" / "alerts.yml"
    made = yaml.safe_load(file.read_text())
    for rule in made["groups"][0]["rules"]:
        rule["expr"] = f"({rule['expr']}) and absent(vector(1))"
    file.write_text(yaml.safe_dump(made))
    code, said = promtool("test", "rules", "alerts_test.yml", folder=file.parent)
    assert code == 1
    assert set(re.findall(r"alertname: (\w+)", said)) == {rule["alert"] for rule in rules()}


@needs_promtool
def test_prometheus_takes_the_configuration():
    assert promtool("check", "config", "prometheus.yml")[0] == 0
