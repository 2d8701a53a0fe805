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
