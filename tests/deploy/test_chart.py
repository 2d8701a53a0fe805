"""The Helm chart renders what the kustomize overlays render, and refuses values that it does not have."""

import json
import re
import subprocess

import jsonschema
import pytest
import yaml
from build_images import BUILD_ARGUMENTS, VERSION
from chart import CHART, VALUES, helm, template, usable_chart
from manifests import K8S, OVERLAYS
from rendered import check, rendered_objects

HASHED = re.compile(r"(ferry|ferry-topology)-[0-9a-z]{10}$")
TOOLS_OWN = re.compile(r"(helm\.sh|argocd\.argoproj\.io|checksum)/")
BY_NAME = {"env", "volumes", "volumeMounts", "ports"}
"""Lists whose order means nothing."""


@pytest.fixture(scope="module")
def chart(tmp_path_factory):
    return usable_chart(tmp_path_factory.mktemp("chart"))


def plain(thing, key=""):
    """An object without what belongs to the tool that made it: hashes in names, hooks, who manages it."""
    if isinstance(thing, dict):
        made = {name: plain(value, name) for name, value in thing.items()}
        if key == "annotations":
            made = {name: value for name, value in made.items() if not TOOLS_OWN.match(name)}
        if key == "labels" and "app.kubernetes.io/instance" in made:
            assert made.pop("app.kubernetes.io/managed-by") in {"Helm", "kustomize"}
        return {name: value for name, value in made.items() if not (name == "annotations" and not value)}
    if isinstance(thing, list):
        items = [plain(one) for one in thing]
        named = key in BY_NAME and all(isinstance(one, dict) and "name" in one for one in items)
        return sorted(items, key=lambda one: str(one["name"])) if named else items
    if key == "name" and isinstance(thing, str) and (found := HASHED.match(thing)):
        return found[1]
    return thing


def by_place(objects):
    made = {(one["kind"], one["metadata"]["name"]): one for one in map(plain, objects)}
    assert len(made) == len(objects)
    return made


def helm_test(one):
    return one["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"


def from_values(chart, name):
    return [one for one in template(chart, "--values", str(VALUES / f"{name}.yaml")) if not helm_test(one)]


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_chart_and_the_overlay_are_equal(chart, name):
    overlay = K8S / "overlays" / name
    by_kustomize = by_place([*rendered_objects(overlay / "topology"), *rendered_objects(overlay)])
    by_helm = by_place(from_values(chart, name))
    assert by_helm.keys() == by_kustomize.keys()
    for place, one in by_kustomize.items():
        assert by_helm[place] == one, place


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_the_chart_renders_fits_the_schemas(chart, name):
    for one in template(chart, "--values", str(VALUES / f"{name}.yaml")):
        check(one)


def test_the_job_is_a_hook_before_the_services_and_its_log_stays(chart):
    for one in from_values(chart, "production"):
        annotations = one["metadata"].get("annotations", {})
        if "topology" not in one["metadata"]["name"]:
            assert not any(key.startswith("helm.sh/hook") for key in annotations)
            continue
        assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade,pre-rollback"
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation"
        assert int(annotations["helm.sh/hook-weight"]) == (0 if one["kind"] == "Job" else -1)


def test_with_nats_in_the_release_its_installation_does_not_wait_for_itself(chart):
    """A hook before the installation would ask a server that only comes afterwards."""
    extra = ("--set", "nats.enabled=true", "--set", "nats.config.cluster.replicas=3")
    installed = template(chart, *extra)
    (job,) = [one for one in installed if one["kind"] == "Job"]
    assert "annotations" not in job["metadata"] or not job["metadata"]["annotations"]
    assert [one for one in installed if one["metadata"]["name"] == "nats-stub"]
    (upgraded,) = [one for one in template(chart, "--is-upgrade", *extra) if one["kind"] == "Job"]
    assert upgraded["metadata"]["annotations"]["helm.sh/hook"].startswith("pre-install,pre-upgrade")
    assert upgraded["metadata"]["name"] != job["metadata"]["name"], "helm deletes the first after the upgrade"
    (account,) = [
        one["metadata"]["name"]
        for one in installed
        if one["kind"] == "ServiceAccount" and "topology" in one["metadata"]["name"]
    ]
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == account


def test_without_the_switch_there_is_no_nats(chart):
    assert not [one for one in template(chart) if one["metadata"]["name"].startswith("nats-stub")]


def test_another_namespace(chart):
    found = template(chart, "--values", str(VALUES / "production.yaml"), namespace="sensors")
    assert {one["metadata"]["namespace"] for one in found} == {"sensors"}
    assert "nats.ferry.svc" not in str(found)
    assert "//nats.sensors.svc:8222/" in str(found)


def test_a_changed_setting_rolls_every_service(chart):
    def sums(*words):
        return {
            one["metadata"]["name"]: one["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
            for one in template(chart, *words)
            if one["kind"] == "Deployment"
        }

    before, after = sums(), sums("--set-string", "settings.FERRY_LOG__LEVEL=DEBUG")
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


def test_images_by_digest(chart):
    digests = {name: f"sha256:{number:064x}" for number, name in enumerate(BUILD_ARGUMENTS)}
    words = [f"image.digests.{name}={digest}" for name, digest in digests.items()]
    extra = (
        "--set",
        ",".join(words),
        "--set",
        "sandbox.enabled=true",
        "--values",
        str(VALUES / "production.yaml"),
    )
    images = set(re.findall(r"'image': '([^']+)'", str(template(chart, *extra))))
    assert images == {f"registry.example.com/ferry-{name}@{digest}" for name, digest in digests.items()}


def test_listeners_are_let_through_when_asked(chart):
    named = {one["metadata"]["name"] for one in template(chart, "--set", "networkPolicies.listeners=true")}
    assert "nats-listeners" in named
    assert "nats-listeners" not in {one["metadata"]["name"] for one in template(chart)}


@pytest.mark.parametrize(
    "wrong",
    [
        "replica=2",
        "services.auth.replica=2",
        "services.auth.replicas=two",
        "services.auth.replicas=0",
        "services.author.replicas=2",
        "settings.log_level=DEBUG",
        "settings.FERRY_NATS__PASSWORD=abc",
        "settings.FERRY_THINGPLUS__CLIENT_SECRET=abc",
        "services.auth.settings.FERRY_AUTH__ENCRYPTION_KEY=abc",
        "settings.FERRY_SHUTDOWN_S=20",
        "bus.url=nats:4222",
        "bus.caConfigMap=Not_A_Name",
        "image.digests.auth=latest",
        "image.digests.author=sha256:0",
        "image.pullPolicy=Sometimes",
        "architectures={riscv64}",
        "autoscaling.enabled=maybe",
        "topology.settings.REPLICAS=x",
        "services.auth.resources.limits.memory=lots",
        "nats.enabled=perhaps",
    ],
)
def test_values_that_the_chart_does_not_have_are_refused(chart, wrong):
    """`--set` of 20 is a number, which a ConfigMap does not take."""
    with pytest.raises(ValueError, match=r"(?s)values don't meet|schema|validation"):
        template(chart, "--set", wrong)


def test_every_value_is_in_the_schema_and_has_a_sentence():
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(schema).validate(values)
    assert schema["properties"].keys() - {"global"} == values.keys()
    lines = text.splitlines()
    for name in values:
        (at,) = [number for number, line in enumerate(lines) if line.startswith(f"{name}:")]
        under = [line for line in lines[at + 1 : at + 4] if line.startswith("  ")]
        assert "#" in lines[at] or lines[at - 1].startswith("#") or any("#" in line for line in under), name


@pytest.mark.parametrize("name", OVERLAYS)
def test_helm_finds_nothing_to_complain_about(chart, name):
    command = [helm(), "lint", "--strict", str(chart), "--values", str(VALUES / f"{name}.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_version_is_that_of_the_images():
    said = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert said["appVersion"] == said["version"] == VERSION
