"""The overlays, rendered once by kubectl's kustomize."""

import pytest
from manifests import K8S, OVERLAYS
from rendered import rendered_objects


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
