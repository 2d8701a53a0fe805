"""Finds or builds the Go programs that tests of the deployment use: `scripts/go_tools.py NAME...`, or `control-plane`.

A program is taken from `KUBEBUILDER_ASSETS`, from the cache (`~/.cache/ferry/bin`), or, where its version matters
little, from PATH. Otherwise it is built from its Go module: kustomize and helm take a minute each, the control plane
(etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl) about ten on two cores, once.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ferry" / "bin"
"""Outside the clone: kept from run to run."""
KUBERNETES = "v1.34.4"
KUBERNETES_MODULE = "k8s.io/kubernetes"


class NoToolError(RuntimeError):
    """Says what is missing and what to do."""


@dataclass(frozen=True)
class Tool:
    name: str
    package: str
    version: str
    any_version: bool = False
    """Another version, from PATH, will do."""


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "v5.7.1", any_version=True),
        Tool("helm", "helm.sh/helm/v4/cmd/helm", "v4.3.1", any_version=True),
        Tool("etcd", "go.etcd.io/etcd/server/v3", "v3.6.16"),
        Tool("kubectl", f"{KUBERNETES_MODULE}/cmd/kubectl", KUBERNETES, any_version=True),
        *(
            Tool(name, f"{KUBERNETES_MODULE}/cmd/{name}", KUBERNETES)
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        ),
    )
}
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")


def cached(tool: Tool) -> Path:
    """Its version is in its name, so that another version is built beside it."""
    return CACHE / f"{tool.name}-{tool.version}"


def find(name: str) -> Path:
    """Raises NoToolError."""
    tool = TOOLS[name]
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    places = [Path(assets) / name] if assets else []
    for place in (*places, cached(tool)):
        if os.access(place, os.X_OK):
            return place
    if tool.any_version and (found := shutil.which(name)):
        return Path(found)
    raise NoToolError(
        f"{name} is not here: `python scripts/go_tools.py {name}` builds {tool.version}, with Go"
    )


def go(*arguments: str, folder: Path, limit_s: float = 3600) -> str:
    """What Go printed. Raises NoToolError with its last words, or after `limit_s` (s)."""
    if not shutil.which("go"):
        raise NoToolError("Go is not here: install it, or put the program's folder into KUBEBUILDER_ASSETS")
    try:
        done = subprocess.run(
            ["nice", "-n", "15", "go", *arguments],
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -trimpath", "GOTOOLCHAIN": "auto"},
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired:
        raise NoToolError(f"go {arguments[0]} was not done after {limit_s:.0f} s") from None
    if done.returncode:
        raise NoToolError(f"go {arguments[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def kubernetes_module(folder: Path) -> None:
    """A module that requires Kubernetes. Its staging modules are folders there, and releases of their own for us."""
    (folder / "go.mod").write_text("module ferry/tools\n")
    found = json.loads(go("mod", "download", "-json", f"{KUBERNETES_MODULE}@{KUBERNETES}", folder=folder))
    said = json.loads(go("mod", "edit", "-json", found["GoMod"], folder=folder))
    release = KUBERNETES.replace("v1.", "v0.", 1)
    staged = [one["Old"]["Path"] for one in said["Replace"] if one["New"]["Path"].startswith("./staging/")]
    lines = [f"replace {path} => {path} {release}" for path in staged]
    lines.append(f"require {KUBERNETES_MODULE} {KUBERNETES}")
    (folder / "go.mod").write_text(f"module ferry/tools\ngo {said['Go']}\n" + "\n".join(lines) + "\n")


def kubernetes_version() -> str:
    """Linker flags: a server that says v0.0.0 is refused by charts that name a version."""
    major, minor = KUBERNETES[1:].split(".")[:2]
    said = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    places = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {place}.{key}={value}" for place in places for key, value in said.items())


def build(tool: Tool, folder: Path, limit_s: float) -> Path:
    """Raises NoToolError."""
    flags = "-s -w"
    if tool.package.startswith(f"{KUBERNETES_MODULE}/"):
        kubernetes_module(folder)
        flags += f" {kubernetes_version()}"
    else:
        (folder / "go.mod").write_text("module ferry/tools\n")
        go("get", f"{tool.package}@{tool.version}", folder=folder, limit_s=limit_s)
        if tool.name == "helm":
            flags += f" -X helm.sh/helm/v4/internal/version.version={tool.version}"
    made = folder / tool.name
    go("build", "-ldflags", flags, "-o", str(made), tool.package, folder=folder, limit_s=limit_s)
    CACHE.mkdir(parents=True, exist_ok=True)
    halfway = CACHE / f".{tool.name}.{os.getpid()}"
    shutil.move(made, halfway)
    return halfway.rename(cached(tool))


def ensure(name: str, limit_s: float) -> Path:
    """Found or built. Raises NoToolError."""
    try:
        return find(name)
    except NoToolError:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="ferry-go-") as folder:
            made = build(TOOLS[name], Path(folder), limit_s)
        print(f"{name} {TOOLS[name].version} built in {time.monotonic() - started:.0f} s", flush=True)
        return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", choices=[*TOOLS, "control-plane"], metavar="NAME")
    parser.add_argument("--found", action="store_true", help="build nothing")
    parser.add_argument("--limit-s", type=float, default=3600, help="for each step of Go, in s")
    chosen = parser.parse_args()
    try:
        for name in chosen.names:
            for each in CONTROL_PLANE if name == "control-plane" else [name]:
                print(find(each) if chosen.found else ensure(each, chosen.limit_s), flush=True)
    except NoToolError as error:
        sys.exit(f"go_tools: {error}")


if __name__ == "__main__":
    main()
