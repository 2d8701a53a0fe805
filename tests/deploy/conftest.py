"""The overlays, rendered once by kubectl's kustomize."""

import os

import pytest
import yaml
from manifests import K8S, OVERLAYS, NoKustomizeError, render


def rendered_objects(folder):
    try:
        return [one for one in yaml.safe_load_all(render(folder)) if one]
    except NoKustomizeError as error:
        if os.environ.get("CI"):
            raise
        return pytest.skip(f"deploy/k8s WAS NOT RENDERED, NOR CHECKED: {error}")


@pytest.fixture(scope="session")
def rendered():
    return {name: rendered_objects(K8S / "overlays" / name) for name in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def overlay(request, rendered):
    return rendered[request.param]


@pytest.fixture(params=OVERLAYS[1:])
def guarded_overlay(request, rendered):
    """Those with network policies, autoscaling, monitoring and external secrets."""
    return rendered[request.param]
