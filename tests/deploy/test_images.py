"""The images: what is built is what the manifests name; and, asked for, the demo through the containers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from build_images import BUILD_ARGUMENTS, VERSION, tag
from container_engine import NoEngineError, find
from packaging.utils import canonicalize_name
from supply_chain import pins

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_every_image_that_a_manifest_names_is_built(overlay):
    pods = [one["spec"]["template"]["spec"] for one in overlay if one["kind"] in {"Deployment", "Job"}]
    named = {each["image"] for pod in pods for each in (*pod["containers"], *pod.get("initContainers", []))}
    built = {tag(name).partition(":")[0] for name in BUILD_ARGUMENTS}
    assert {re.split("[:@]", image.rpartition("/")[2])[0] for image in named} <= built


def test_local_runs_the_version_that_is_built(rendered):
    images = {one for one in re.findall(r"'image': '([^']+)'", str(rendered["local"])) if "/" not in one}
    assert len(images) == len(BUILD_ARGUMENTS)
    assert {image.rpartition(":")[2] for image in images} == {VERSION}


def test_compose_builds_the_same_images():
    built = {name: part["build"]["args"] for name, part in COMPOSE["services"].items() if "build" in part}
    arguments = {"cli" if name == "topology" else name: args for name, args in built.items()}
    assert arguments == BUILD_ARGUMENTS


@pytest.mark.skipif(
    not os.environ.get("FERRY_IMAGES"),
    reason="THE IMAGES WERE NEITHER BUILT NOR RUN: FERRY_IMAGES=1 does it (minutes; docker, or buildah and podman)",
)
@pytest.mark.timeout(1800)
def test_the_demo_passes_through_the_containers():
    try:
        engine = find()
    except NoEngineError as error:
        pytest.fail(str(error))
    for script in ("build_images.py", "container_demo.py"):
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / script)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for image in BUILD_ARGUMENTS:
        inside = engine.call(
            *("run", "--rm", "--network", "none", "--entrypoint", "/opt/ferry/bin/python", tag(image)),
            *("-c", "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"),
        )
        listed = {(canonicalize_name(pin.name), pin.version) for pin in pins(image)}
        found = {(canonicalize_name(name), version) for name, version in map(str.split, inside.splitlines())}
        found.discard(("ferry-client", VERSION))  # ours, so that `ferry --version` knows it
        assert found == listed, f"{image}: its SBOM does not say what is in it"
    published, delivered = map(int, re.findall(r"(\d+) (?:published|delivered)", done.stdout))
    assert published == delivered > 0
    assert "OtoSense sensor 0000S111A: claimed" in done.stdout
    left = engine.call("ps", "--all", "--format", "{{.Names}}")
    assert not re.search(r"ferry-[0-9a-f]{8}-", left), "not cleaned up"
