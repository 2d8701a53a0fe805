"""Renders deploy/k8s and gives it to checkov: `scripts/manifests.py CHECKOV`.

Production is judged as it runs: with a digest for every image, as docs/deploy/kustomize.md says to set them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from go_tools import NoToolError, find

ROOT = Path(__file__).resolve().parent.parent
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("local", "plain", "staging", "production")
WAIVERS = {
    "CKV_K8S_11": "no CPU limit: a throttled service renews leases late; requests are measured, memory limited",
    "CKV_K8S_15": "not Always pulled: production names digests, and a pod must start while the registry is down",
}
TRYING_OUT = {
    "CKV_K8S_8": "the demo publishes and serves nothing that could be asked",
    "CKV_K8S_9": "the same",
    "CKV_K8S_35": "nats-server reads passwords from its environment alone; the demo is given the trial's own",
    "CKV_K8S_43": "local and staging run tags; production is held to digests",
    "CKV2_K8S_6": "local has no network policies; staging's are worked out pod by pod in tests/deploy/test_network.py",
}


def renderer() -> list[str]:
    """Raises NoToolError."""
    try:
        return [str(find("kubectl")), "kustomize"]
    except NoToolError:
        return [str(find("kustomize")), "build"]


def render(folder: Path) -> str:
    """Raises NoToolError, and RuntimeError with kustomize's own words."""
    done = subprocess.run([*renderer(), str(folder)], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def steps(overlay: str) -> list[Path]:
    """The kustomizations of an overlay, in the order in which deploy/k8s/apply takes them."""
    folder = K8S / "overlays" / overlay
    before = [folder / name for name in ("secrets", "nats", "topology")]
    return [K8S / "namespace", *(one for one in before if one.exists()), folder]


def checkov(
    command: str, overlays: tuple[str, ...], waivers: dict[str, str], folder: Path
) -> subprocess.Popen[str]:
    files = []
    for overlay in overlays:
        files.append(folder / f"{overlay}.yaml")
        everything = "---\n".join(map(render, steps(overlay)))
        digests = everything.replace(":set-a-digest", f"@sha256:{'0' * 64}")
        files[-1].write_text(digests)
    skipped = ",".join(waivers)
    # --skip-download: nothing is looked up, the checks are in the package
    flags = ["--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "--skip-check", skipped]
    return subprocess.Popen([command, *flags, "-f", *map(str, files)], text=True)


def main() -> None:
    try:
        renderer()
    except NoToolError as error:
        sys.exit(str(error) if os.environ.get("CI") else print(f"SKIPPED checkov: {error}", file=sys.stderr))
    with tempfile.TemporaryDirectory() as name:
        running = [
            checkov(sys.argv[1], ("production",), WAIVERS, Path(name)),
            checkov(sys.argv[1], ("local", "plain", "staging"), WAIVERS | TRYING_OUT, Path(name)),
        ]
        codes = [one.wait(timeout=120) for one in running]
    sys.exit(
        "checkov: see above; a waiver stands in scripts/manifests.py with its reason" if any(codes) else 0
    )


if __name__ == "__main__":
    main()
