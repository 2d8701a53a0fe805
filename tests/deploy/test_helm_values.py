"""NATS's chart is told what deploy/nats/ferry.conf says; given its folder in FERRY_NATS_CHART, it is rendered."""

import os
import re
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml
from chart import helm, template, usable_chart
from flat_permissions import PERMISSIONS, flat

from harness.bus import NATS_SERVER

DEPLOY = PERMISSIONS.parent
CONF = re.sub(r"\s*#.*", "", (DEPLOY / "ferry.conf").read_text())
PERMITTED = flat(PERMISSIONS)
PASSWORDS = set(re.findall(r"\$(FERRY_NATS_\w+_PASSWORD)", PERMITTED))
THE_CHARTS_OWN = {"server_name", "port", "http", "store_dir"}
WHERE = {
    "max_file_store": ("jetstream", "fileStore", "maxSize"),
    "max_memory_store": ("jetstream", "memoryStore", "maxSize"),
    "sync_interval": ("jetstream", "merge", "sync_interval"),
}
CHART = os.environ.get("FERRY_NATS_CHART")


@pytest.fixture(scope="module")
def values():
    return yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())


def test_each_setting_is_that_of_ferry_conf(values):
    settings = {key: word.strip('"') for key, word in re.findall(r"^ *(\w+): (\S+)$", CONF, re.MULTILINE)}
    assert settings.keys() > WHERE.keys()
    for key in settings.keys() - THE_CHARTS_OWN:
        found = values["config"]
        for part in WHERE.get(key, ("merge", key)):
            found = found[part]
        assert str(found).strip("< >") == settings[key], key


def test_the_server_is_given_every_password_it_reads(values):
    env = values["container"]["env"]
    assert PASSWORDS
    assert {key for key in env if key.endswith("_PASSWORD")} == PASSWORDS
    for key in PASSWORDS:
        assert env[key] == {"valueFrom": {"secretKeyRef": {"name": "ferry-nats", "key": key}}}


def test_production_brings_the_server_its_passwords(rendered):
    for overlay in ("staging", "production"):
        (secret,) = [
            one
            for one in rendered[overlay]
            if one["kind"] == "ExternalSecret" and one["spec"]["target"]["name"] == "ferry-nats"
        ]
        given = {item["secretKey"]: item["remoteRef"] for item in secret["spec"]["data"]}
        assert given.keys() == PASSWORDS
        for service in ("topology", "auth", "registry", "telemetry", "otosense", "console"):
            assert given[f"FERRY_NATS_{service.upper()}_PASSWORD"] == {
                "key": f"ferry/{service}",
                "property": "FERRY_NATS__PASSWORD",
            }


def test_three_servers_apart(values):
    cluster = values["config"]["cluster"]
    assert (cluster["enabled"], cluster["replicas"]) == (True, 3)
    spread = values["podTemplate"]["topologySpreadConstraints"]
    hosts = spread["kubernetes.io/hostname"]
    assert (hosts["whenUnsatisfiable"], hosts["minDomains"]) == ("DoNotSchedule", 3), "two would share a host"


def test_the_listeners_are_those_of_the_plain_server_and_of_the_policy():
    values = yaml.safe_load((DEPLOY / "helm-values-listeners.yaml").read_text())
    policy = yaml.safe_load((DEPLOY.parent / "k8s/components/listeners/network-policy.yaml").read_text())
    ((rule,),) = (policy["spec"]["ingress"],)
    opened = set()
    for name in ("mqtt", "websocket"):
        conf = re.sub(r"\s*#.*", "", (DEPLOY / f"{name}.conf").read_text())
        config = values["config"][name]
        assert re.search(rf"^  port: {config['port']}$", conf, re.MULTILINE)
        assert ("tls {" in conf, config["tls"]["enabled"]) == (True, True)
        assert values["service"]["ports"][name]["enabled"] is True
        opened.add(config["port"])
    assert {one["port"] for one in rule["ports"]} == opened
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"ferry/publishers": "true"}}}]


def test_every_port_speaks_tls_and_servers_know_each_other(values):
    config = values["config"]
    for one in (config["nats"]["tls"], config["cluster"]["tls"]):
        assert (one["enabled"], one["secretName"]) == (True, "nats-server-tls")
    assert config["cluster"]["tls"]["merge"] == {"verify": True}


def test_the_autoscaler_can_ask_for_the_backlog(values, rendered):
    (scaled,) = [one for one in rendered["production"] if one["kind"] == "ScaledObject"]
    assert scaled["spec"]["triggers"][0]["metadata"]["url"].startswith("http://nats.ferry.svc:8222/")
    assert values["service"]["ports"]["monitor"]["enabled"] is True


def test_flattened_permissions_are_the_same(tmp_path):
    publishers = tmp_path / "publishers"
    publishers.mkdir()
    (tmp_path / "permissions.conf").write_text(PERMISSIONS.read_text())
    (publishers / "index.conf").write_text('include "shop.conf"\n')
    (publishers / "shop.conf").write_text("PUBLISHER_shop { users: [ { user: shop, password: p1 } ] }\n")
    text = flat(tmp_path / "permissions.conf")
    assert "PUBLISHER_shop {" in text
    assert not re.search(r"^\s*include", text, re.MULTILINE)
    (tmp_path / "flat.conf").write_text(text)
    assert accepts(tmp_path / "flat.conf")
    (tmp_path / "flat.conf").write_text(text.replace("PUBLISHER_shop {", "PUBLISHER_shop {{"))
    assert not accepts(tmp_path / "flat.conf")


def accepts(config):
    env = {**os.environ, "SERVER_NAME": "nats-0", **{key: f"p-{key.lower()}" for key in PASSWORDS}}
    return subprocess.run([str(NATS_SERVER), "-t", "-c", str(config)], env=env, check=False).returncode == 0


LISTENERS = ("--values", str(DEPLOY / "helm-values-listeners.yaml"))


@pytest.fixture(scope="module", params=[(), LISTENERS], ids=["plain", "listeners"])
def chart(request, tmp_path_factory):
    """The chart rendered with our values, and its ConfigMap's files."""
    if not CHART:
        pytest.skip("THE CHART OF NATS WAS NOT RENDERED: FERRY_NATS_CHART=<its folder> does it")
    more = request.param
    folder = tmp_path_factory.mktemp("chart")
    (folder / "permissions.conf").write_text(PERMITTED)
    command = [
        *(helm(), "template", "nats", CHART, "--namespace", "ferry"),
        *("--values", str(DEPLOY / "helm-values.yaml"), *more),
        *("--set-file", rf"configMap.merge.data.permissions\.conf={folder / 'permissions.conf'}"),
    ]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects = [one for one in yaml.safe_load_all(text) if one]
    (config,) = [one for one in objects if one["kind"] == "ConfigMap"]
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=nats", "-days", "1"]
    certificate, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run([*new, "-out", str(certificate), "-keyout", str(key)], capture_output=True, check=True)
    (folder / "ca.crt").write_text(certificate.read_text())
    for name, content in config["data"].items():
        (folder / name).write_text(re.sub(r"/etc/nats-(ca-cert|certs/\w+)/", f"{folder}/", content))
    return objects, folder


def test_in_the_release_of_ferry_it_has_the_name_that_ferry_asks(tmp_path):
    if not CHART:
        pytest.skip("THE CHART OF NATS WAS NOT RENDERED: FERRY_NATS_CHART=<its folder> does it")
    chart = usable_chart(tmp_path)
    shutil.rmtree(chart / "charts" / "nats")
    shutil.copytree(CHART, chart / "charts" / "nats")
    values = {"nats": {"enabled": True, **yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())}}
    (tmp_path / "nats.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "permissions.conf").write_text(PERMITTED)
    given = rf"nats.configMap.merge.data.permissions\.conf={tmp_path / 'permissions.conf'}"
    objects = template(chart, "--values", str(tmp_path / "nats.yaml"), "--set-file", given)
    (servers,) = [one for one in objects if one["kind"] == "StatefulSet"]
    assert servers["metadata"]["name"] == "nats"
    assert servers["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "nats"
    ports = {one["metadata"]["name"]: one["spec"]["ports"] for one in objects if one["kind"] == "Service"}
    assert {4222, 8222} <= {port["port"] for port in ports["nats"]}


def test_the_real_server_takes_the_charts_configuration(chart):
    _, folder = chart
    assert accepts(folder / "nats.conf")
    assert "include permissions.conf" in (folder / "nats.conf").read_text()


def test_the_charts_pods_are_restricted_and_found_by_our_policies(chart):
    objects, _ = chart
    for one in objects:
        if one["kind"] != "PodMonitor":
            kubernetes_validate.validate(one, "1.34", strict=True)
    (servers,) = [one for one in objects if one["kind"] == "StatefulSet"]
    pod = servers["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert {one["name"] for one in pod["containers"]} == {"nats", "reloader", "prom-exporter"}
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert servers["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "nats"
    ports = {one["metadata"]["name"]: one["spec"]["ports"] for one in objects if one["kind"] == "Service"}
    assert {4222, 8222} <= {port["port"] for port in ports["nats"]}
    assert not [one for one in objects if one["kind"] in {"Deployment", "Pod"}], "nats-box has NATS's label"
