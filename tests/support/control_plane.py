"""A real Kubernetes control plane on loopback: etcd, kube-apiserver; on request controllers and scheduler.

The programs come from scripts/go_tools.py. Nothing else of the machine is touched.
"""

import json
import logging
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import yaml
from cluster_certificates import Authority
from go_tools import find

from harness.processes import free_port

logging.getLogger("httpx2").setLevel(logging.WARNING)  # `Cluster.call` is used in loops
SERVICES = "10.96.0.0/16"
READY_S = 60
WITH_US = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()
"""A test process that is killed leaves no server behind."""


@dataclass
class Cluster:
    folder: Path
    url: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _http: httpx2.Client | None = None

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "admin.conf"

    @property
    def env(self) -> dict[str, str]:
        """For a shell: its kubectl comes first, and it reaches this cluster."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def run(
        self, *words: str, stdin: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
            cwd=cwd,
        )

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """What kubectl printed. Raises AssertionError with its words when it failed or warned."""
        done = self.run("kubectl", *words, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}{done.stdout}"
        assert "Warning" not in done.stderr, done.stderr
        return done.stdout

    def call(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        """Without kubectl's start, for what is asked over and over. A body of PATCH is a merge patch."""
        if self._http is None:
            context = ssl.create_default_context(cafile=self.folder / "pki" / "ca.crt")
            context.load_cert_chain(self.folder / "pki" / "admin.crt", self.folder / "pki" / "admin.key")
            self._http = httpx2.Client(base_url=self.url, verify=context, timeout=20, trust_env=False)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        return self._http.request(method, path, json=body, headers={"Content-Type": kind})

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def apply(self, objects: Iterable[dict[str, Any]], *words: str) -> str:
        text = yaml.safe_dump_all(objects)
        return self.kubectl("apply", "--validate=strict", *words, "-f", "-", stdin=text)

    def start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [*WITH_US, str(find(name)), *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until_ready(self) -> None:
        """Raises RuntimeError with the log of what ended, TimeoutError after a minute."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended: {(self.folder / f'{name}.log').read_text()[-2000:]}")
            if self.run("kubectl", "get", "--raw", "/readyz").returncode == 0:
                return
            time.sleep(0.3)
        raise TimeoutError("the API server is not ready")

    def stop(self) -> None:
        if self._http is not None:
            self._http.close()
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)

    def kubeconfig_of(self, user: str) -> Path:
        pki, file = self.folder / "pki", self.folder / f"{user}.conf"
        file.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "clusters": [
                        {
                            "name": "test",
                            "cluster": {"server": self.url, "certificate-authority": f"{pki}/ca.crt"},
                        }
                    ],
                    "users": [
                        {
                            "name": user,
                            "user": {
                                "client-certificate": f"{pki}/{user}.crt",
                                "client-key": f"{pki}/{user}.key",
                            },
                        }
                    ],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
                }
            )
        )
        return file


def _etcd(cluster: Cluster) -> str:
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    cluster.start(
        "etcd",
        *("--data-dir", str(cluster.folder / "etcd"), "--unsafe-no-fsync", "--log-level", "warn"),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", f"default={peer}"),
    )
    return client


def _api_server(cluster: Cluster, etcd: str) -> None:
    pki = cluster.folder / "pki"
    cluster.start(
        "kube-apiserver",
        *("--etcd-servers", etcd, "--secure-port", cluster.url.rpartition(":")[2]),
        *("--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"),
        *("--endpoint-reconciler-type", "none", "--cert-dir", str(pki)),
        *("--tls-cert-file", f"{pki}/server.crt", "--tls-private-key-file", f"{pki}/server.key"),
        *("--client-ca-file", f"{pki}/ca.crt", "--authorization-mode", "RBAC", "--allow-privileged=true"),
        *("--service-account-key-file", f"{pki}/tokens.key"),
        *("--service-account-signing-key-file", f"{pki}/tokens.key"),
        *("--service-account-issuer", "https://kubernetes.default.svc"),
        *("--service-cluster-ip-range", SERVICES),
    )


def start_controllers(cluster: Cluster) -> None:
    """Nodes are played (`played.Kubelets`), so nothing judges them by their heartbeats."""
    config = str(cluster.kubeconfig)
    pki = cluster.folder / "pki"
    more = {
        "kube-controller-manager": (
            *("--service-account-private-key-file", f"{pki}/tokens.key", "--root-ca-file", f"{pki}/ca.crt"),
            "--controllers=*,-node-lifecycle-controller",
        ),
        "kube-scheduler": (),
    }
    for name, words in more.items():
        cluster.start(
            name,
            *("--kubeconfig", config, "--authentication-kubeconfig", config),
            *("--authorization-kubeconfig", config, "--bind-address", "127.0.0.1"),
            *("--secure-port", str(free_port()), "--cert-dir", str(pki), "--leader-elect=false", *words),
        )


@contextmanager
def control_plane(folder: Path) -> Iterator[Cluster]:
    """etcd and the API server, ready. Raises NoToolError when they are not here."""
    for name in ("etcd", "kube-apiserver", "kubectl"):
        find(name)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "kubectl").symlink_to(find("kubectl"))
    cluster = Cluster(folder, f"https://127.0.0.1:{free_port()}")
    authority = Authority(folder / "pki")
    authority.sign("server", "kube-apiserver", hosts=["127.0.0.1", "10.96.0.1", "kubernetes.default.svc"])
    authority.sign("admin", "admin", group="system:masters")
    authority.key("tokens")
    cluster.kubeconfig_of("admin")
    try:
        etcd = _etcd(cluster)
        _api_server(cluster, etcd)
        cluster.until_ready()
        yield cluster
    finally:
        cluster.stop()
