"""What controllers and kubelets would say of Ferry's objects, where none run."""

import threading
import time
from typing import Any, Self

from control_plane import Cluster

LISTS = {
    kind: f"/apis/{group}/namespaces/{{namespace}}/{plural}"
    for kind, group, plural in (
        ("StatefulSet", "apps/v1", "statefulsets"),
        ("Job", "batch/v1", "jobs"),
        ("Deployment", "apps/v1", "deployments"),
    )
} | {"Pod": "/api/v1/namespaces/{namespace}/pods"}


class Played:
    """What controllers and kubelets would say: jobs end as told, rollouts are done at once."""

    def __init__(self, cluster: Cluster, job: str = "Complete", namespace: str = "ferry") -> None:
        self.cluster, self.job, self.stopped = cluster, job, threading.Event()
        self.lists = {kind: path.format(namespace=namespace) for kind, path in LISTS.items()}
        self.order: list[tuple[str, str]] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self.stopped.wait(0.1):
            for kind, path in self.lists.items():
                for one in self.cluster.call("GET", path).json()["items"]:
                    status = self._said(kind, one)
                    if status:
                        name = one["metadata"]["name"]
                        self.order.append((kind, name))
                        done = self.cluster.call("PATCH", f"{path}/{name}/status", {"status": status})
                        assert done.status_code in {200, 404}, done.text

    def _said(self, kind: str, one: dict[str, Any]) -> dict[str, Any] | None:
        if kind == "Job":
            return self._job(one)
        if kind == "Pod":  # of `helm test`: nothing else makes pods here
            return None if one["status"].get("phase") == "Succeeded" else {"phase": "Succeeded"}
        return self._rollout(kind, one)

    def _job(self, one: dict[str, Any]) -> dict[str, Any] | None:
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

    def _rollout(self, kind: str, one: dict[str, Any]) -> dict[str, Any] | None:
        generation = one["metadata"]["generation"]
        if one["status"].get("observedGeneration") == generation:
            return None
        count = one["spec"].get("replicas", 1)
        counts = ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas")
        revisions = {"currentRevision": "1", "updateRevision": "1", "currentReplicas": count}
        conditions = [
            {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ]
        more: dict[str, Any] = revisions if kind == "StatefulSet" else {"conditions": conditions}
        return {"observedGeneration": generation, **dict.fromkeys(counts, count), **more}


NAME = "app.kubernetes.io/name"
PODS = "/api/v1/namespaces/{}/pods/{}"


class Kubelets:
    """Plays every node: scheduled pods run and are ready at once, a Job's pods succeed, deleted pods are gone."""

    def __init__(self, cluster: Cluster, zones: dict[str, str]) -> None:
        self.cluster, self.zones, self.stopped = cluster, zones, threading.Event()
        self.unready: set[str] = set()
        """Names of workloads whose pods run and are not ready."""
        self.fewest: dict[str, int] = {}
        """By workload: the fewest ready pods that were seen since it was put here."""
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        room = {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "50Gi"}
        for node, zone in self.zones.items():
            labels = {
                "kubernetes.io/hostname": node,
                "topology.kubernetes.io/zone": zone,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
            }
            conditions = [{"type": "Ready", "status": "True", "reason": "Played"}]
            status = {"allocatable": room, "capacity": room, "conditions": conditions}
            made = self.cluster.call(
                "POST", "/api/v1/nodes", {"metadata": {"name": node, "labels": labels}, "status": status}
            )
            assert made.is_success, made.text
            # the server taints a new node until a controller has seen it ready
            self.cluster.call("PATCH", f"/api/v1/nodes/{node}", {"spec": {"taints": None}})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self.stopped.wait(0.1):
            pods = self.cluster.call("GET", "/api/v1/pods").json()["items"]
            for pod in pods:
                self._play(pod)
            for name in self.fewest:
                ready = sum(
                    _ready(pod) for pod in pods if pod["metadata"].get("labels", {}).get(NAME) == name
                )
                self.fewest[name] = min(self.fewest[name], ready)

    def _play(self, pod: dict[str, Any]) -> None:
        meta, phase = pod["metadata"], pod["status"].get("phase")
        path = PODS.format(meta["namespace"], meta["name"])
        if "deletionTimestamp" in meta:
            self.cluster.call("DELETE", path, {"gracePeriodSeconds": 0})
            return
        if not pod["spec"].get("nodeName") or phase in {"Succeeded", "Failed"}:
            return
        if any(one["kind"] == "Job" for one in meta.get("ownerReferences", [])):
            self.cluster.call("PATCH", f"{path}/status", {"status": {"phase": "Succeeded"}})
            return
        ready = meta.get("labels", {}).get(NAME) not in self.unready
        if phase != "Running" or _ready(pod) != ready:
            self.cluster.call("PATCH", f"{path}/status", {"status": _running(ready)})


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    alive = "deletionTimestamp" not in pod["metadata"]
    return alive and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _running(ready: bool) -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    states = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    conditions = [
        {"type": type_, "status": str(state), "lastTransitionTime": now} for type_, state in states.items()
    ]
    return {"phase": "Running", "startTime": now, "conditions": conditions}
