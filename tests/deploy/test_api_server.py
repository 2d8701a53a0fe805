"""The manifests on a real API server: admitted strictly, twice the same, upgraded, deleted, and what survives.

It runs where etcd, kube-apiserver and kubectl are (`make apiserver` builds them; KUBEBUILDER_ASSETS names a
folder), else it is skipped with a reason. No controller runs: `Played` tells the server how jobs and rollouts end.
"""

import json
import re
import shutil
import subprocess
import time

import pytest
import yaml
from manifests import K8S, OVERLAYS, steps
from played import Played
from rendered import rendered_objects

pytestmark = pytest.mark.timeout(300)
APPLY = K8S / "apply"
SERVICES = {"auth", "registry", "telemetry", "otosense", "console"}


def apply_overlay(cluster, overlay, *words):
    done = cluster.run(str(APPLY), *words, str(overlay))
    assert "Warning" not in done.stderr, done.stderr
    return done


def images_of(cluster):
    found = cluster.get("deploy", "-n", "ferry")["items"]
    return {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in found}


def replicas(cluster):
    return cluster.get("deployment", "telemetry", "-n", "ferry")["spec"]["replicas"]


def versions(cluster, objects):
    """Of each object. kubectl says "configured" of a budget that it sends again and the server leaves as it is."""
    text = yaml.safe_dump_all(objects)
    done = cluster.kubectl("get", "-o", "json", "-f", "-", stdin=text)
    return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in json.loads(done)["items"]}


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.usefixtures("definitions", "namespace")
def test_every_step_is_admitted_strictly_and_a_second_run_changes_nothing(cluster, rendered, name):
    cluster.apply(rendered[name])
    before = versions(cluster, rendered[name])
    assert len(before) == len(rendered[name])
    cluster.apply(rendered[name])
    assert versions(cluster, rendered[name]) == before


@pytest.mark.usefixtures("definitions", "namespace")
def test_one_command_on_an_empty_cluster_and_again(cluster, rendered):
    cluster.run("kubectl", "delete", "priorityclass", "ferry")
    with Played(cluster) as played:
        done = apply_overlay(cluster, "local")
        assert done.returncode == 0, done.stderr + done.stdout
        assert [one[0] for one in played.order][:2] == ["StatefulSet", "Job"], (
            "NATS, the job, then the services"
        )
        first = played.order.copy()
        before = versions(cluster, rendered["local"])
        again = apply_overlay(cluster, "local")
        assert again.returncode == 0, again.stderr
    assert versions(cluster, rendered["local"]) == before
    assert played.order == first
    assert {one["metadata"]["name"] for one in cluster.get("deploy", "-n", "ferry")["items"]} >= {
        *SERVICES,
        *("sandbox", "demo"),
    }


@pytest.mark.usefixtures("definitions", "namespace")
def test_the_days_after_the_first(cluster, tmp_path):
    """Autoscaling is added; a release whose job fails; the same mended."""
    shutil.copytree(K8S.parent, tmp_path / "deploy", symlinks=True)
    production = tmp_path / "deploy" / "k8s" / "overlays" / "production"
    file = production / "kustomization.yaml"
    with_it = file.read_text()
    without = re.sub(r"replacements:.*?(?=images:)", "", with_it, flags=re.DOTALL)
    file.write_text(without.replace("  - ../../components/autoscaling\n", ""))
    with Played(cluster):
        assert apply_overlay(cluster, production).returncode == 0
    assert replicas(cluster) == 2
    file.write_text(with_it)
    with Played(cluster):
        done = apply_overlay(cluster, production)
    assert done.returncode == 0, done.stderr
    assert replicas(cluster) == 2, "kubectl would have set one"
    assert cluster.get("scaledobject", "telemetry", "-n", "ferry")

    cluster.kubectl("-n", "ferry", "scale", "deployment/telemetry", "--replicas=5")
    for one in (file, production / "topology" / "kustomization.yaml"):
        one.write_text(one.read_text().replace("set-a-digest", "0.2.0"))
    with Played(cluster, job="Failed") as played:
        done = apply_overlay(cluster, production)
    assert (done.returncode, "the services were left as they are" in done.stderr) == (1, True)
    assert ("Job", "topology") in played.order
    assert all(one.endswith(":set-a-digest") for one in images_of(cluster))
    assert cluster.get("job", "topology", "-n", "ferry"), "it and its log stay"
    with Played(cluster) as played:
        done = apply_overlay(cluster, production)
    assert done.returncode == 0, done.stderr
    rolled = [one for one in played.order if one != ("Deployment", "telemetry") or one in played.order[1:]]
    assert rolled[0] == ("Job", "topology"), "before any service rolls"
    assert {name for _, name in played.order} == SERVICES | {"topology"}
    assert all(one.endswith(":0.2.0") for one in images_of(cluster))
    assert replicas(cluster) == 5, "KEDA's number"


@pytest.mark.usefixtures("definitions", "namespace")
def test_a_deleted_overlay_leaves_the_namespace_nats_and_every_claim(cluster):
    for step in steps("local"):
        cluster.kubectl("apply", "-k", str(step))
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-nats-0", "namespace": "ferry"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    cluster.apply([claim])
    for folder in ("", "topology"):
        place = str(K8S / "overlays" / "local" / folder)
        cluster.kubectl("delete", "-k", place, "--cascade=background", "--wait=false")
    assert cluster.get("namespace", "ferry")["status"]["phase"] == "Active"
    assert cluster.get("statefulset", "nats", "-n", "ferry")
    assert cluster.get("pvc", "data-nats-0", "-n", "ferry")["metadata"].get("deletionTimestamp") is None
    assert not cluster.get("deploy", "-n", "ferry")["items"]
    services = cluster.get("statefulset", "nats", "-n", "ferry")["spec"]
    assert services["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    }


@pytest.mark.usefixtures("namespace")
def test_a_missing_definition_is_said_before_anything_is_changed(cluster, tmp_path):
    """A kind that this server has not: another group than those that the other tests define."""
    shutil.copytree(K8S.parent, tmp_path / "deploy", symlinks=True)
    rules = tmp_path / "deploy" / "observability" / "rules.yaml"
    rules.write_text(rules.read_text().replace("monitoring.coreos.com/v1", "absent.example.com/v1"))
    done = apply_overlay(cluster, tmp_path / "deploy" / "k8s" / "overlays" / "production")
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert not cluster.get("deploy,job,cm", "-n", "ferry", "-l", "app.kubernetes.io/part-of=ferry")["items"]


@pytest.mark.usefixtures("definitions")
def test_another_namespace_is_one_line_in_each_step(cluster, tmp_path):
    shutil.copytree(K8S.parent, tmp_path / "deploy", symlinks=True)
    overlay = tmp_path / "deploy" / "k8s" / "overlays" / "production"
    for file in overlay.rglob("kustomization.yaml"):
        file.write_text(file.read_text().replace("namespace: ferry", "namespace: sensors"))
    with Played(cluster, namespace="sensors"):
        done = apply_overlay(cluster, overlay)
    assert done.returncode == 0, done.stderr
    (scaled,) = cluster.get("scaledobject", "-n", "sensors")["items"]
    assert "//nats.sensors.svc:" in scaled["spec"]["triggers"][0]["metadata"]["url"]
    labels = cluster.get("namespace", "sensors")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for step in (overlay, overlay / "topology", overlay / "secrets"):
        for one in rendered_objects(step):
            assert one["metadata"]["namespace"] == "sensors"


STREAMS = "/apis/jetstream.nats.io/v1beta2/namespaces/ferry/streams"


@pytest.fixture(scope="module")
def stream(cluster, definitions):
    cluster.kubectl("apply", "-k", str(K8S / "namespace"))
    cluster.kubectl("apply", "--validate=strict", "-k", str(K8S / "nack"))
    path = f"{STREAMS}/ferry-dead?dryRun=All"
    for _ in range(200):  # the server takes a moment to know the policy
        if cluster.call("PATCH", path, {"spec": {"preventDelete": False}}).is_error:
            break
        time.sleep(0.1)
    yield path
    cluster.run("kubectl", "delete", "-k", str(K8S / "nack"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"maxAge": "24h"}, "maxAge may not become shorter"),
        ({"maxAge": None}, "maxAge and maxBytes must be given"),
        ({"maxBytes": 1000}, "maxBytes may not become smaller"),
        ({"retention": "interest"}, "cannot change"),
        ({"storage": "memory"}, "cannot change"),
        ({"name": "OTHER"}, "another name is another stream"),
        ({"preventDelete": False}, "preventDelete must be true"),
        ({"subjectTransform": {"source": "a.>", "dest": "b.>"}}, "number of partitions"),
        ({"maxAge": "1000h"}, None),
        ({"maxAge": "0s"}, None),
        ({"maxBytes": 1073741824}, None),
    ],
)
def test_what_would_lose_messages_is_refused_before_nack_hears_of_it(cluster, stream, change, words):
    answer = cluster.call("PATCH", stream, {"spec": change})
    if words is None:
        assert answer.is_success, answer.text
    else:
        assert (answer.is_error, words in answer.text) == (True, True), answer.text


def test_pods_that_break_the_rules_are_refused(cluster, namespace):
    """What makes the other tests mean something: this server does refuse."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": namespace}}
    spec = {"containers": [{"name": "x", "image": "x", "securityContext": {"privileged": True}}]}
    done = cluster.run("kubectl", "apply", "-f", "-", stdin=yaml.safe_dump({**pod, "spec": spec}))
    assert "violates PodSecurity" in done.stderr
    misspelt = yaml.safe_dump({**pod, "spec": {"containres": []}})
    assert (
        "unknown field"
        in cluster.run("kubectl", "apply", "--validate=strict", "-f", "-", stdin=misspelt).stderr
    )


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("name", OVERLAYS)
def test_pods_are_admitted_under_the_restricted_standard(cluster, name):
    objects = [each for step in steps(name) for each in rendered_objects(step)]
    for one in objects:
        if one["kind"] == "ServiceAccount":
            made = cluster.call("POST", "/api/v1/namespaces/ferry/serviceaccounts", one)
            assert made.status_code in {201, 409}, made.text
    workloads = [one for one in objects if one["kind"] in {"Deployment", "Job", "StatefulSet"}]
    assert workloads
    for one in workloads:
        spec = one["spec"]["template"]["spec"]
        for claim in one["spec"].get("volumeClaimTemplates", []):
            spec["volumes"].append({"name": claim["metadata"]["name"], "emptyDir": {}})
        pod = {"metadata": {"name": f"tried-{one['metadata']['name']}"}, "spec": spec}
        made = cluster.call("POST", "/api/v1/namespaces/ferry/pods?dryRun=All&fieldValidation=Strict", pod)
        assert made.is_success, made.text
        assert "Warning" not in made.headers, made.headers


def test_the_tools_say_what_to_do(tmp_path):
    done = subprocess.run([str(APPLY), "nowhere"], capture_output=True, text=True, check=False)
    assert (done.returncode, "there is no overlay in" in done.stderr) == (2, True)
