"""The manifests on a real API server: admitted strictly, twice the same, upgraded, deleted, and what survives.

It runs where etcd, kube-apiserver and kubectl are (`make apiserver` builds them; KUBEBUILDER_ASSETS names a
folder), and is skipped aloud where not. No controller runs: `Played` tells the server how jobs and rollouts end.
"""

import json
import shutil
import subprocess
import threading
import time

import pytest
import yaml
from control_plane import control_plane
from custom_resources import custom_resources, definition
from go_tools import NoToolError, find
from manifests import K8S, OVERLAYS, steps
from rendered import rendered_objects

APPLY = K8S / "apply"
SERVICES = {"auth", "registry", "telemetry", "otosense", "console"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    try:
        for name in ("etcd", "kube-apiserver", "kubectl"):
            find(name)
    except NoToolError as error:
        pytest.skip(f"NO REAL API SERVER: {error} (make apiserver)")
    with control_plane(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def definitions(cluster):
    made = [definition(*one) for one in custom_resources().values()]
    cluster.apply(made)
    names = [f"crd/{one['metadata']['name']}" for one in made]
    cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=20s")


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
    kinds = "deploy,sts,job,cm,secret,sa,svc,pvc,pdb,netpol"
    cluster.run("kubectl", "-n", "ferry", "delete", kinds, "--all", "--cascade=background", "--wait=false")
    for claim in json.loads(cluster.run("kubectl", "-n", "ferry", "get", "pvc", "-o", "json").stdout)[
        "items"
    ]:
        freed = ("-p", '{"metadata":{"finalizers":null}}', "--type=merge")  # a controller would
        cluster.run("kubectl", "-n", "ferry", "patch", "pvc", claim["metadata"]["name"], *freed)
    for resource, _ in custom_resources().values():
        cluster.run("kubectl", "-n", "ferry", "delete", f"{resource.plural}.{resource.group}", "--all")


LISTS = {
    kind: f"/apis/{group}/namespaces/{{namespace}}/{plural}"
    for kind, group, plural in (
        ("StatefulSet", "apps/v1", "statefulsets"),
        ("Job", "batch/v1", "jobs"),
        ("Deployment", "apps/v1", "deployments"),
    )
}


class Played:
    """What controllers and kubelets would say: jobs end as told, rollouts are done at once."""

    def __init__(self, cluster, job="Complete", namespace="ferry"):
        self.cluster, self.job, self.stopped = cluster, job, threading.Event()
        self.lists = {kind: path.format(namespace=namespace) for kind, path in LISTS.items()}
        self.order = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self._thread.join()

    def _run(self):
        while not self.stopped.wait(0.1):
            for kind, path in self.lists.items():
                for one in self.cluster.call("GET", path).json()["items"]:
                    status = self._job(one) if kind == "Job" else self._rollout(kind, one)
                    if status:
                        name = one["metadata"]["name"]
                        self.order.append((kind, name))
                        done = self.cluster.call("PATCH", f"{path}/{name}/status", {"status": status})
                        assert done.status_code in {200, 404}, done.text

    def _job(self, one):
        if one["status"].get("conditions"):
            return None
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        before = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}[self.job]
        conditions = [
            {"type": type_, "status": "True", "lastTransitionTime": now, "reason": "Played"}
            for type_ in (before, self.job)
        ]
        done = {"completionTime": now, "succeeded": 1} if self.job == "Complete" else {}
        return {"startTime": now, "conditions": conditions, "uncountedTerminatedPods": {}, **done}

    def _rollout(self, kind, one):
        generation = one["metadata"]["generation"]
        if one["status"].get("observedGeneration") == generation:
            return None
        count = one["spec"].get("replicas", 1)
        counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas")
        revisions = {"currentRevision": "1", "updateRevision": "1", "currentReplicas": count}
        more = revisions if kind == "StatefulSet" else {}
        return {"observedGeneration": generation, **dict.fromkeys(counts, count), **more}


def apply_overlay(cluster, overlay, *words):
    done = cluster.run(str(APPLY), *words, str(overlay))
    assert "Warning" not in done.stderr, done.stderr
    return done


def images_of(cluster):
    found = cluster.get("deploy", "-n", "ferry")["items"]
    return {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in found}


def versions(cluster, step):
    """Of each object. kubectl says "configured" of a budget that it sends again and the server leaves as it is."""
    found = cluster.get("-k", str(step))
    return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in found.get("items", [found])}


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.usefixtures("definitions", "namespace")
def test_every_step_is_admitted_strictly_and_a_second_run_changes_nothing(cluster, name):
    for step in steps(name):
        cluster.kubectl("apply", "--validate=strict", "-k", str(step))
    before = {step: versions(cluster, step) for step in steps(name)}
    for step in steps(name):
        cluster.kubectl("apply", "--validate=strict", "-k", str(step))
    assert {step: versions(cluster, step) for step in steps(name)} == before


@pytest.mark.usefixtures("definitions", "namespace")
def test_one_command_on_an_empty_cluster_and_again(cluster):
    cluster.run("kubectl", "delete", "priorityclass", "ferry")
    with Played(cluster) as played:
        done = apply_overlay(cluster, "local")
        assert done.returncode == 0, done.stderr + done.stdout
        assert [one[0] for one in played.order][:2] == ["StatefulSet", "Job"], (
            "NATS, the job, then the services"
        )
        first = played.order.copy()
        before = [versions(cluster, step) for step in steps("local")]
        again = apply_overlay(cluster, "local")
        assert again.returncode == 0, again.stderr
    assert [versions(cluster, step) for step in steps("local")] == before
    assert played.order == first
    assert {one["metadata"]["name"] for one in cluster.get("deploy", "-n", "ferry")["items"]} >= {
        *SERVICES,
        *("sandbox", "demo"),
    }


@pytest.mark.usefixtures("definitions", "namespace")
def test_a_new_release_runs_the_job_before_any_service_rolls(cluster, tmp_path):
    shutil.copytree(K8S.parent, tmp_path / "deploy")
    production = tmp_path / "deploy" / "k8s" / "overlays" / "production"
    with Played(cluster) as played:
        assert apply_overlay(cluster, production).returncode == 0
        for file in (production / "kustomization.yaml", production / "topology" / "kustomization.yaml"):
            file.write_text(file.read_text().replace("set-a-digest", "0.2.0"))
        played.order.clear()
        done = apply_overlay(cluster, production)
        assert done.returncode == 0, done.stderr
        assert played.order[0] == ("Job", "topology")
        assert {one for _, one in played.order[1:]} == SERVICES
    assert all(one.endswith(":0.2.0") for one in images_of(cluster))


@pytest.mark.usefixtures("definitions", "namespace")
def test_a_job_that_fails_leaves_the_services_and_its_log(cluster, tmp_path):
    shutil.copytree(K8S.parent, tmp_path / "deploy")
    production = tmp_path / "deploy" / "k8s" / "overlays" / "production"
    with Played(cluster):
        assert apply_overlay(cluster, production).returncode == 0
    for file in (production / "kustomization.yaml", production / "topology" / "kustomization.yaml"):
        file.write_text(file.read_text().replace("set-a-digest", "0.2.0"))
    with Played(cluster, job="Failed"):
        done = apply_overlay(cluster, production)
    assert (done.returncode, "the services were left as they are" in done.stderr) == (1, True)
    assert all(one.endswith(":set-a-digest") for one in images_of(cluster))
    assert cluster.get("job", "topology", "-n", "ferry")
    with Played(cluster):
        assert apply_overlay(cluster, production).returncode == 0, "the next run makes the failed job anew"


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
    shutil.copytree(K8S.parent, tmp_path / "deploy")
    rules = tmp_path / "deploy" / "k8s" / "components" / "monitoring" / "rules.yaml"
    rules.write_text(rules.read_text().replace("monitoring.coreos.com/v1", "absent.example.com/v1"))
    done = apply_overlay(cluster, tmp_path / "deploy" / "k8s" / "overlays" / "production")
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert not cluster.get("deploy,job,cm", "-n", "ferry", "-l", "app.kubernetes.io/part-of=ferry")["items"]


@pytest.mark.usefixtures("definitions")
def test_another_namespace_is_one_line_in_each_step(cluster, tmp_path):
    shutil.copytree(K8S.parent, tmp_path / "deploy")
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


@pytest.fixture
def stream(cluster, definitions, namespace):
    cluster.kubectl("apply", "--validate=strict", "-k", str(K8S / "nack"))
    refused = {"spec": {"preventDelete": False}}
    for _ in range(100):  # the server takes a moment to know the policy
        done = cluster.run(
            *("kubectl", "-n", "ferry", "patch", "stream", "ferry-dead", "--type=merge"),
            *("--dry-run=server", "-p", json.dumps(refused)),
        )
        if done.returncode:
            break
        time.sleep(0.1)
    yield "ferry-dead"
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
    patch = json.dumps({"spec": change})
    command = ("kubectl", "-n", "ferry", "patch", "stream", stream, "--type=merge", "--dry-run=server")
    done = cluster.run(*command, "-p", patch)
    if words is None:
        assert done.returncode == 0, done.stderr
    else:
        assert (done.returncode, words in done.stderr) == (1, True), done.stderr


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


@pytest.mark.usefixtures("namespace", "definitions")
@pytest.mark.parametrize("name", OVERLAYS)
def test_pods_are_admitted_under_the_restricted_standard(cluster, name):
    for one in (each for step in steps(name) for each in rendered_objects(step)):
        if one["kind"] == "ServiceAccount":
            cluster.apply([one])
    for one in (each for step in steps(name) for each in rendered_objects(step)):
        if one["kind"] in {"Deployment", "Job", "StatefulSet"}:
            claims = [each["metadata"]["name"] for each in one["spec"].get("volumeClaimTemplates", [])]
            volumes = one["spec"]["template"]["spec"]["volumes"]
            volumes += [{"name": claim, "emptyDir": {}} for claim in claims]
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"tried-{one['metadata']['name']}", "namespace": "ferry"},
                "spec": one["spec"]["template"]["spec"],
            }
            cluster.apply([pod], "--dry-run=server")


def test_the_tools_say_what_to_do(tmp_path):
    done = subprocess.run([str(APPLY), "nowhere"], capture_output=True, text=True, check=False)
    assert (done.returncode, "there is no overlay in" in done.stderr) == (2, True)
