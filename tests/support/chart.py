"""The Helm chart as helm renders it, without NATS's own chart, which is fetched by who uses it."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from go_tools import NoToolError, find
from manifests import ROOT

CHART = ROOT / "deploy" / "helm" / "ferry"
VALUES = ROOT / "deploy" / "helm"


def helm() -> str:
    """Skips the test, with a reason, if helm is missing."""
    try:
        return str(find("helm"))
    except NoToolError as error:
        if os.environ.get("CI"):
            print(f"NO HELM: {error}")
        return pytest.skip(f"THE CHART WAS NOT RENDERED, NOR CHECKED: {error}")


def usable_chart(folder: Path) -> Path:
    """A copy of deploy with an empty chart in NATS's place: helm renders nothing while one is missing."""
    shutil.copytree(ROOT / "deploy", folder / "deploy", symlinks=True)
    chart = folder / "deploy" / "helm" / "ferry"
    for one in yaml.safe_load((chart / "Chart.yaml").read_text())["dependencies"]:
        stub = chart / "charts" / one["name"]
        (stub / "templates").mkdir(parents=True)
        said = {"apiVersion": "v2", "name": one["name"], "version": one["version"]}
        (stub / "Chart.yaml").write_text(yaml.safe_dump(said))
        empty = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "nats-stub"},
            "data": {"replicas": "{{ .Values.config.cluster.replicas }}"},
        }
        (stub / "templates" / "stub.yaml").write_text(yaml.safe_dump(empty))
    return chart


def template(chart: Path, *words: str, namespace: str = "ferry") -> list[dict[str, Any]]:
    """Raises ValueError with helm's words."""
    command = [helm(), "template", "ferry", str(chart), "--namespace", namespace, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise ValueError(done.stderr)
    return [one for one in yaml.safe_load_all(done.stdout) if one]
