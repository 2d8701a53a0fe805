"""The overlays, rendered once by kubectl's kustomize."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

K8S = Path(__file__).resolve().parents[2] / "deploy" / "k8s"
OVERLAYS = ("local", "staging", "production")


def render(path):
    for command in (["kubectl", "kustomize"], ["kustomize", "build"]):
        if shutil.which(command[0]):
            done = subprocess.run(
                [*command, str(path)], capture_output=True, text=True, check=False, timeout=60
            )
            assert done.returncode == 0, done.stderr
            return [one for one in yaml.safe_load_all(done.stdout) if one]
    return pytest.skip("NEITHER kubectl NOR kustomize: deploy/k8s was not rendered, nor checked")


@pytest.fixture(scope="session")
def rendered():
    return {name: render(K8S / "overlays" / name) for name in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def overlay(request, rendered):
    return rendered[request.param]


@pytest.fixture(params=OVERLAYS[1:])
def guarded_overlay(request, rendered):
    """Those with network policies, autoscaling, monitoring and external secrets."""
    return rendered[request.param]
