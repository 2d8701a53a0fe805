"""docker-compose.yml: fits the Compose Specification, confines what it runs, asks for nothing undocumented."""

import re
from pathlib import Path

import compose_spec
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
NATS = [ROOT / "deploy" / "nats" / name for name in ("ferry.conf", "permissions.conf")]  # what compose runs
SERVICES = ("auth", "registry", "telemetry", "otosense")


def check(text):
    """Strictly: an unknown key, a wrong type or an unknown word is an error. It knows no YAML merges."""
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(text))).to_spec()


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(TEXT)["services"]


def test_it_fits_the_specification():
    check(TEXT)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("read_only: true", "read_olny: true"),
        ("condition: service_healthy", "condition: service_well"),
        ("interval: 2s", "interval: often"),
    ],
)
def test_a_mistake_is_refused(right, wrong):
    assert right in TEXT
    with pytest.raises(ValueError):
        check(TEXT.replace(right, wrong))


def test_what_runs_is_confined(services):
    for name, service in services.items():
        assert not service.get("privileged")
        if "profiles" in service:
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        if "build" not in service:
            continue
        assert service["read_only"] is True, name
        assert service["user"] == "65532:65532", name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "volumes" not in service, name


def test_everyone_waits_for_whom_they_need(services):
    for name, service in services.items():
        assert set(service.get("depends_on", [])) <= set(services), name
    for name in SERVICES:
        assert services[name]["depends_on"]["topology"] == {"condition": "service_completed_successfully"}
    assert services["topology"]["depends_on"]["nats"] == {"condition": "service_healthy"}


def test_prometheus_asks_every_service_and_alarms_as_kubernetes_does(services):
    folder = ROOT / "deploy" / "prometheus"
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    jobs = {one["job_name"]: one["static_configs"][0]["targets"] for one in config["scrape_configs"]}
    assert jobs["ferry"] == [f"{name}:8080" for name in SERVICES]
    assert jobs["nats"] == ["nats-exporter:7777"]
    rules = ROOT / "deploy" / "k8s" / "components" / "monitoring" / "rules.yaml"
    alerts = yaml.safe_load((folder / "alerts.yml").read_text())
    assert alerts == {"groups": yaml.safe_load(rules.read_text())["spec"]["groups"]}


def test_ports_are_this_machines_alone(services):
    for name, service in services.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} is open to the network"


def test_only_auth_is_given_the_accounts_of_the_clouds(services):
    for name, service in services.items():
        secret = {
            key for key in service.get("environment", {}) if re.search("SECRET|USERNAME|CLIENT|KEY", key)
        }
        assert not secret or name == "auth"


def test_every_variable_is_documented_and_nats_is_given_all_it_reads(services):
    documented = set(re.findall(r"^(?:# )?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)", TEXT)) <= documented
    read = {found for path in NATS for found in re.findall(r"\$(FERRY_\w+)", path.read_text())}
    assert read
    assert read <= set(services["nats"]["environment"])
