"""The overlay `plain` with controllers, scheduler and six played nodes: FERRY_K8S=full, after `make apiserver`."""

import os
import shutil
import subprocess
import time

import pytest
from control_plane import control_plane, start_controllers
from go_tools import CONTROL_PLANE, NoToolError, find
from manifests import ROOT
from played import NAME, Kubelets

ZONES = {f"node-{number}": f"zone-{number % 3}" for number in range(6)}
IN_PAIRS = ("auth", "registry", "telemetry", "otosense")
TRIALS = 5
pytestmark = [
    pytest.mark.skipif(
        os.environ.get("FERRY_K8S") != "full",
        reason="NO CONTROLLERS, NO SCHEDULER, NO NODES: FERRY_K8S=full runs them (minutes; make apiserver)",
    ),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    try:
        for name in CONTROL_PLANE:
            find(name)
    except NoToolError as error:
        pytest.fail(str(error))
    with control_plane(tmp_path_factory.mktemp("cluster")) as running:
        start_controllers(running)
        yield running


@pytest.fixture(scope="module")
def kubelets(cluster):
    with Kubelets(cluster, ZONES) as playing:
        yield playing


@pytest.fixture(scope="module")
def deployed(cluster, kubelets, tmp_path_factory):
    """A clone, `plain` applied from it by the documented commands."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "deploy", folder / "deploy", symlinks=True)
    for words in (("apply", "--namespace", "plain"), ("make-secrets",), ("apply", "plain")):
        done = cluster.run(str(folder / "deploy" / "k8s" / words[0]), *words[1:])
        assert done.returncode == 0, done.stderr + done.stdout
    return folder


def pods(cluster, name):
    found = cluster.get("pods", "-n", "ferry", "-l", f"{NAME}={name}")["items"]
    return [one for one in found if "deletionTimestamp" not in one["metadata"]]


def eventually(condition, what, limit_s=90):
    until = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < until, what
        time.sleep(0.3)
    return found


def budget(cluster, name):
    return cluster.get("pdb", name, "-n", "ferry")["status"]


def evict(cluster, pod):
    name = pod["metadata"]["name"]
    return cluster.call(
        "POST",
        f"/api/v1/namespaces/ferry/pods/{name}/eviction",
        {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}},
    ).status_code


def rolled(cluster, *words):
    cluster.kubectl("-n", "ferry", "rollout", *words)
    for name in IN_PAIRS:
        cluster.kubectl("-n", "ferry", "rollout", "status", f"deployment/{name}", "--timeout=90s")


def placed(cluster, name):
    def settled():
        found = pods(cluster, name)
        return found if len(found) == 2 else None

    return [one["spec"]["nodeName"] for one in eventually(settled, f"two pods of {name}")]


def zone(cluster, node, name):
    labels = {"topology.kubernetes.io/zone": name}
    assert cluster.call("PATCH", f"/api/v1/nodes/{node}", {"metadata": {"labels": labels}}).is_success


@pytest.mark.parametrize("zones", [3, 1])
def test_the_replicas_of_a_service_are_never_on_one_node_or_in_one_zone(cluster, deployed, zones):
    """In a cluster of one zone its constraint says nothing: there the nodes' own has to."""
    for node in ZONES if zones == 1 else ():
        zone(cluster, node, "zone-0")
    try:
        for trial in range(TRIALS):
            rolled(cluster, "restart", *(f"deployment/{name}" for name in IN_PAIRS))
            for name in IN_PAIRS:
                nodes = placed(cluster, name)
                assert len(set(nodes)) == 2, (trial, name, nodes)
                assert zones == 1 or len({ZONES[node] for node in nodes}) == 2, (trial, name, nodes)
    finally:
        for node, name in ZONES.items():
            zone(cluster, node, name)


def test_one_pod_of_a_service_may_be_disrupted_and_no_second(cluster, deployed):
    eventually(lambda: budget(cluster, "telemetry")["disruptionsAllowed"] == 1, "one may go")
    first, second = pods(cluster, "telemetry")
    assert evict(cluster, first) == 201
    refused = evict(cluster, second)
    assert refused == 429, "before the first has been replaced"
    eventually(lambda: budget(cluster, "telemetry")["disruptionsAllowed"] == 1, "it was replaced")


def test_a_node_is_drained_while_pods_are_not_ready(cluster, kubelets, deployed):
    """A cloud's outage does not make them so, but a broken bus does, and just then nodes are replaced."""
    kubelets.unready.add("telemetry")
    eventually(lambda: budget(cluster, "telemetry")["currentHealthy"] == 0, "no pod is ready")
    assert budget(cluster, "telemetry")["disruptionsAllowed"] == 0
    node = pods(cluster, "telemetry")[0]["spec"]["nodeName"]
    done = cluster.run(
        "kubectl", "drain", node, "--delete-emptydir-data", "--ignore-daemonsets", "--timeout=60s"
    )
    cluster.kubectl("uncordon", node)
    kubelets.unready.discard("telemetry")
    assert done.returncode == 0, done.stderr
    eventually(lambda: budget(cluster, "telemetry")["currentHealthy"] == 2, "both are ready again")


def test_a_larger_number_spreads_over_all_nodes(cluster, deployed):
    cluster.kubectl("-n", "ferry", "scale", "deployment/telemetry", "--replicas=6")
    cluster.kubectl("-n", "ferry", "rollout", "status", "deployment/telemetry", "--timeout=90s")
    nodes = sorted(one["spec"]["nodeName"] for one in pods(cluster, "telemetry"))
    assert nodes == sorted(ZONES)
    cluster.kubectl("-n", "ferry", "scale", "deployment/telemetry", "--replicas=2")
    eventually(lambda: len(pods(cluster, "telemetry")) == 2, "two are left")


def test_an_upgrade_a_rollback_and_a_rotation_keep_two_replicas_ready(cluster, kubelets, deployed):
    overlay = deployed / "deploy" / "k8s" / "overlays" / "plain"
    eventually(lambda: budget(cluster, "telemetry")["currentHealthy"] == 2, "both are ready")
    kubelets.fewest = {"telemetry": 2}
    for file in (overlay / "kustomization.yaml", overlay / "topology" / "kustomization.yaml"):
        file.write_text(file.read_text().replace("newTag: 0.1.0", "newTag: 0.2.0"))
    before = cluster.get("job", "topology", "-n", "ferry")["metadata"]["uid"]
    done = cluster.run(str(deployed / "deploy" / "k8s" / "apply"), "plain")
    assert done.returncode == 0, done.stderr
    assert cluster.get("job", "topology", "-n", "ferry")["metadata"]["uid"] != before
    images = {one["spec"]["containers"][0]["image"] for one in pods(cluster, "telemetry")}
    assert images == {"registry.example.com/ferry-telemetry:0.2.0"}
    rolled(cluster, "undo", "deployment/telemetry")
    images = {one["spec"]["containers"][0]["image"] for one in pods(cluster, "telemetry")}
    assert images == {"registry.example.com/ferry-telemetry:0.1.0"}
    rolled(cluster, "restart", "deployment/telemetry")
    assert kubelets.fewest == {"telemetry": 2}


def test_what_is_removed_and_what_stays(cluster, deployed):
    for step in ("", "topology"):
        place = deployed / "deploy" / "k8s" / "overlays" / "plain" / step
        cluster.kubectl("delete", "-k", str(place), "--timeout=60s")
    eventually(lambda: not cluster.get("pods", "-n", "ferry")["items"], "no pod is left")
    assert cluster.get("namespace", "ferry")["status"]["phase"] == "Active"
    assert {one["metadata"]["name"] for one in cluster.get("secret", "-n", "ferry")["items"]} >= {
        *(f"ferry-{name}" for name in (*IN_PAIRS, "nats", "console", "topology"))
    }


def test_a_namespace_that_is_deleted_ends(cluster, deployed):
    """No finalizer of ours: it is by hand alone, and then it is to work."""
    done = subprocess.run(
        ["kubectl", "delete", "namespace", "ferry", "--timeout=90s"],
        env=cluster.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
