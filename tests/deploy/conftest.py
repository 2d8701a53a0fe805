"""The overlays, rendered once, each with all of its steps; and a real API server, where there is one."""

import pytest
from control_plane import control_plane
from custom_resources import custom_resources, definition
from go_tools import NoToolError, find
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


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    try:
        for name in ("etcd", "kube-apiserver", "kubectl"):
            find(name)
    except NoToolError as error:
        pytest.skip(f"NO REAL API SERVER: {error} (make apiserver)")
    with control_plane(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def definitions(cluster):
    made = [definition(*one) for one in custom_resources().values()]
    cluster.apply(made)
    names = [f"crd/{one['metadata']['name']}" for one in made]
    cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=20s")


COLLECTIONS = [
    f"{group}/namespaces/ferry/{plural}"
    for group, plurals in {
        "/apis/apps/v1": ("deployments", "statefulsets"),
        "/apis/batch/v1": ("jobs",),
        "/apis/policy/v1": ("poddisruptionbudgets",),
        "/apis/networking.k8s.io/v1": ("networkpolicies",),
        "/api/v1": ("pods", "configmaps", "secrets", "serviceaccounts", "services", "persistentvolumeclaims"),
    }.items()
    for plural in plurals
]


@pytest.fixture
def namespace(cluster):
    """Ferry's, and all that is in it gone afterwards: no controller would empty a deleted one."""
    cluster.kubectl("apply", "-k", str(K8S / "namespace"))
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": "ferry"},
    }
    cluster.apply([account])  # a controller would
    yield "ferry"
    for path in COLLECTIONS:
        cluster.call("DELETE", path, {"propagationPolicy": "Background", "gracePeriodSeconds": 0})
    claims = "/api/v1/namespaces/ferry/persistentvolumeclaims"
    for claim in cluster.call("GET", claims).json()["items"]:  # a controller would free it
        cluster.call("PATCH", f"{claims}/{claim['metadata']['name']}", {"metadata": {"finalizers": None}})
    for resource, _ in custom_resources().values():
        cluster.call("DELETE", f"/apis/{resource.group}/{resource.served}/namespaces/ferry/{resource.plural}")
