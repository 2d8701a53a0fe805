"""The overlays, rendered once by kubectl's kustomize: each with all of its steps."""

import pytest
from manifests import K8S, OVERLAYS, steps
from rendered import rendered_objects


@pytest.fixture(scope="session")
def rendered():
    return {name: [one for step in steps(name) for one in rendered_objects(step)] for name in OVERLAYS}


@pytest.fixture(scope="session")
def services_step():
    """What `kubectl apply -k` of an overlay itself brings: its last step."""
    return {name: rendered_objects(K8S / "overlays" / name) for name in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def overlay(request, rendered):
    return rendered[request.param]


@pytest.fixture(params=["plain", "staging", "production"])
def guarded_overlay(request, rendered):
    """Those with network policies and TLS."""
    return rendered[request.param]


@pytest.fixture(params=["staging", "production"])
def operated_overlay(request, rendered):
    """Those with autoscaling, monitoring and external secrets besides."""
    return rendered[request.param]
