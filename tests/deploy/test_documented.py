"""Every `sh` block of the deployment pages, run as it stands on a real API server, end to end."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from chart import usable_chart
from go_tools import NoToolError, find
from manifests import ROOT
from played import Played

pytestmark = pytest.mark.timeout(300)
DOCS = ROOT / "docs/deploy"
SERVICES = {"auth", "registry", "telemetry", "otosense", "console"}


def blocks(page):
    """By heading: the commands below it, joined."""
    made = {}
    for part in re.split(r"^## ", (DOCS / page).read_text(), flags=re.MULTILINE)[1:]:
        title = part.partition("\n")[0]
        made[title] = "".join(re.findall(r"```sh\n(.*?)```", part, re.DOTALL))
    return made


@pytest.fixture
def clone(cluster, definitions, namespace, tmp_path):
    """What the commands are typed in: a clone, with kubectl, kustomize and helm."""
    usable_chart(tmp_path)
    for name in ("kustomize", "helm"):
        try:
            target = cluster.folder / "bin" / name
            if not target.exists():
                target.symlink_to(find(name))
        except NoToolError as error:
            pytest.skip(f"THE DOCUMENTED COMMANDS WERE NOT RUN: {error}")
    return tmp_path


class Shell:
    """One shell a section, whose variables and functions go on to the next."""

    def __init__(self, cluster, folder, page, **changed):
        self.cluster, self.folder, self.blocks, self.before = cluster, folder, blocks(page), ""
        self.changed = changed

    def type(self, section):
        text = self.blocks[section]
        for name, value in self.changed.items():
            text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        done = self.cluster.run("bash", "-euo", "pipefail", "-c", self.before + text, cwd=self.folder)
        assert done.returncode == 0, f"{section}: {done.stderr}{done.stdout}"
        assert "Warning" not in done.stderr, done.stderr
        kept = re.findall(r"^[A-Z]+=[^\n]*\n|^\w+\(\) \{\n(?:[^}].*\n)*\}\n", text, re.MULTILINE)
        self.before += "".join(kept)
        return done.stdout


def images(cluster):
    found = cluster.get("deploy", "-n", "ferry")["items"]
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["image"] for one in found
    }


def versions(cluster):
    """Of what runs, and of what is kept."""
    kinds = "deploy,sts,svc,pdb,sa,cm,secret,pvc,netpol"
    found = cluster.get(kinds, "-n", "ferry", "--selector", "app.kubernetes.io/name!=topology")["items"]
    return {
        (one["kind"], one["metadata"]["name"]): one["metadata"]["resourceVersion"]
        for one in found
        if "sh.helm.release" not in one["metadata"]["name"]
    }


def lay_data(cluster):
    """NATS and a claim as they are where Ferry comes to."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "nats-js-nats-0", "namespace": "ferry"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    labels = {"app.kubernetes.io/name": "nats"}
    server = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "nats", "namespace": "ferry", "labels": labels},
        "spec": {
            "serviceName": "nats",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [
                        {
                            "name": "nats",
                            "image": "nats",
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"]},
                            },
                        }
                    ],
                },
            },
        },
    }
    cluster.apply([claim, server])


def secrets(cluster):
    found = cluster.get("secret", "-n", "ferry")["items"]
    return {one["metadata"]["name"]: one["data"] for one in found if one["type"] == "Opaque"}


def assert_rotated(before, after):
    assert after["ferry-telemetry"] != before["ferry-telemetry"]
    own = after["ferry-telemetry"]["FERRY_NATS__PASSWORD"]
    assert after["ferry-nats"]["FERRY_NATS_TELEMETRY_PASSWORD"] == own
    others = {name: data for name, data in before.items() if name not in {"ferry-telemetry", "ferry-nats"}}
    assert {name: after[name] for name in others} == others


def assert_data_is_there(cluster, claim, before):
    assert cluster.get("namespace", "ferry")["status"]["phase"] == "Active"
    assert cluster.get("statefulset", "nats", "-n", "ferry")["metadata"].get("deletionTimestamp") is None
    assert cluster.get("pvc", claim, "-n", "ferry")["metadata"].get("deletionTimestamp") is None
    assert secrets(cluster).keys() == before.keys()
    left = cluster.get("deploy,pdb,netpol,job", "-n", "ferry", "-l", "app.kubernetes.io/part-of=ferry")
    assert not left["items"]


def test_kustomize_with_the_operators(cluster, clone):
    """Production: the same commands but for the Secrets, which External Secrets makes."""
    lay_data(cluster)
    shell = Shell(cluster, clone, "kustomize.md", OVERLAY="production")
    shell.blocks["Install"] = shell.blocks["Install"].replace("deploy/k8s/make-secrets\n", "")
    with Played(cluster):
        shell.type("Install")
        assert set(images(cluster)) == SERVICES
        shell.type("Remove")
    assert_data_is_there(cluster, "nats-js-nats-0", {})
    assert not cluster.get("scaledobject", "-n", "ferry")["items"]


def test_kustomize_from_the_first_command_to_the_last(cluster, clone):
    lay_data(cluster)
    shell = Shell(cluster, clone, "kustomize.md")
    with Played(cluster) as played:
        shell.type("Install")
        assert set(images(cluster)) == SERVICES
        old = images(cluster)
        played.order.clear()
        shell.type("Upgrade")
        assert all(image.endswith(":0.2.0") for image in images(cluster).values())
        assert played.order[0] == ("Job", "topology")
        shell.type("Roll back")
        assert images(cluster) == old
        given = secrets(cluster)
        played.order.clear()
        shell.type("Rotate a password")
        assert_rotated(given, secrets(cluster))
        assert played.order == [("StatefulSet", "nats"), ("Deployment", "telemetry")]
        shell.type("Remove")
    assert_data_is_there(cluster, "nats-js-nats-0", given)


def test_helm_from_the_first_command_to_the_last(cluster, clone):
    lay_data(cluster)
    shell = Shell(cluster, clone, "helm.md")
    with Played(cluster) as played:
        shell.type("Install")
        assert set(images(cluster)) == SERVICES
        assert played.order[0] == ("StatefulSet", "nats")
        assert played.order[1] == ("Job", "topology"), "the hook, then the services"
        before, old, given = versions(cluster), images(cluster), secrets(cluster)
        again = shell.blocks["Install"].splitlines()
        (install,) = [line for line in again if "upgrade --install" in line]
        done = cluster.run("bash", "-euc", shell.before + install, cwd=clone)
        assert done.returncode == 0, done.stderr
        assert versions(cluster) == before, "a second run changes nothing"
        played.order.clear()
        shell.type("Upgrade")
        assert all(image.endswith(":0.2.0") for image in images(cluster).values())
        assert played.order[0] == ("Job", "topology")
        shell.type("Roll back")
        assert images(cluster) == old
        shell.type("Remove")
    assert_data_is_there(cluster, "nats-js-nats-0", given)


@pytest.mark.parametrize("page", ["kustomize.md", "helm.md"])
def test_a_trial(cluster, clone, page):
    with Played(cluster) as played:
        Shell(cluster, clone, page).type("A trial")
    assert played.order.index(("StatefulSet", "nats")) < played.order.index(("Job", "topology"))
    assert {name for kind, name in played.order if kind == "Deployment"} == SERVICES | {"sandbox", "demo"}
    if page == "helm.md":
        assert ("Pod", "ferry-test") in played.order
    assert cluster.get("pvc", "sandbox", "-n", "ferry")["metadata"].get("deletionTimestamp") is None
    assert not cluster.get("deploy", "-n", "ferry")["items"]


def test_secrets_are_made_once_and_complete(cluster, namespace):
    env = {**cluster.env, "FERRY_THINGPLUS__CLIENT_SECRET": "it's: {odd} #1"}
    script = str(ROOT / "deploy" / "k8s" / "make-secrets")

    def make():
        return subprocess.run([script], env=env, capture_output=True, text=True, check=False)

    done = make()
    assert done.returncode == 0, done.stderr
    made = secrets(cluster)
    assert made.keys() == {"ferry-nats", "ferry-topology", *(f"ferry-{name}" for name in SERVICES)}
    permissions = (ROOT / "deploy" / "nats" / "permissions.conf").read_text()
    assert made["ferry-nats"].keys() == set(re.findall(r"\$(FERRY_NATS_\w+)", permissions))
    for name in (*SERVICES, "topology"):
        own = made[f"ferry-{name}"]["FERRY_NATS__PASSWORD"]
        assert made["ferry-nats"][f"FERRY_NATS_{name.upper()}_PASSWORD"] == own
    assert len(set(made["ferry-nats"].values())) == len(made["ferry-nats"])
    secret = cluster.kubectl(
        *("get", "secret", "ferry-auth", "-n", "ferry", "-o"),
        "go-template={{.data.FERRY_THINGPLUS__CLIENT_SECRET | base64decode}}",
    )
    assert secret == "it's: {odd} #1"
    stores = yaml.safe_load_all((ROOT / "deploy/k8s/external-secrets/secrets.yaml").read_text())
    keys = {one["metadata"]["name"]: {item["secretKey"] for item in one["spec"]["data"]} for one in stores}
    for name, data in made.items():
        assert data.keys() - keys[name] == set()
        assert all("THINGPLUS" in key or "OTOSENSE" in key for key in keys[name] - data.keys()), name
    again = make()
    assert (again.returncode, "nothing was made" in again.stderr) == (1, True)
    assert secrets(cluster) == made


def test_the_gitops_page_names_what_is_there():
    text = (DOCS / "gitops.md").read_text()
    documents = [
        one
        for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        for one in yaml.safe_load_all(block)
    ]
    assert {one["kind"] for one in documents} == {"Application", "Kustomization"}
    paths = set(re.findall(r"path: (?:\./)?(deploy/[\w/-]+)", text))
    assert {Path(path).name for path in paths} == {"secrets", "topology", "production"}
    assert all((ROOT / path / "kustomization.yaml").is_file() for path in paths)
    flux = {one["metadata"]["name"]: one["spec"] for one in documents if one["kind"] == "Kustomization"}
    assert flux["ferry"]["dependsOn"] == [{"name": "ferry-topology"}], "the job before the services"
    assert (flux["ferry-topology"]["force"], flux["ferry-topology"]["wait"]) == (True, True)


def test_the_compose_page_names_services_and_variables_that_are_there():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    text = (DOCS / "compose.md").read_text()
    commands = " ".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    run = re.findall(r"docker compose run --rm ((?:-\S+ \S+ )*)([\w-]+)", commands.replace("--user ", "-u "))
    assert {name for _, name in run} == {"ferry", "publisher"}
    assert {"ferry", "publisher", "nats"} <= services.keys()
    assert (ROOT / "scripts" / "make-env.sh").is_file()
    documented = (ROOT / ".env.example").read_text()
    for name in re.findall(r"`(FERRY_\w+)`", text):
        assert f"{name}=" in documented, name
