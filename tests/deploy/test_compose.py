"""docker-compose.yml: Compose itself takes it; it confines what it runs, asks for nothing undocumented."""

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest
import yaml
from build_images import tag
from dotenv import dotenv_values
from pydantic import BaseModel

from ferry.auth.settings import AuthSettings
from ferry.client.settings import NatsSettings
from ferry.client.topology import TopologySettings
from ferry.runtime.settings import RuntimeSettings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
NATS = [ROOT / "deploy" / "nats" / name for name in ("ferry.conf", "permissions.conf")]  # what compose runs
COMPOSE = Path(sys.executable).parent / "docker-compose"
SERVICES = ("auth", "registry", "telemetry", "otosense", "console")


def config(file, env):
    """What Compose itself makes of a file. Raises ValueError with its words; an unknown key is an error."""
    shell = {key: value for key, value in os.environ.items() if not key.startswith(("FERRY_", "COMPOSE_"))}
    command = [str(COMPOSE), "--env-file", str(env), "-f", str(file), "config", "--format", "json"]
    done = subprocess.run(command, env=shell, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return json.loads(done.stdout)["services"]


@pytest.fixture
def env_file(tmp_path):
    made = tmp_path / ".env"
    subprocess.run([str(ROOT / "scripts" / "make-env.sh"), str(made)], check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(TEXT)["services"]


def test_compose_takes_it(env_file):
    assert set(SERVICES) < config(ROOT / "docker-compose.yml", env_file).keys()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("read_only: true", "read_olny: true"),
        ("condition: service_healthy", "condition: service_well"),
        ("interval: 2s", "interval: often"),
    ],
)
def test_a_mistake_is_refused(env_file, tmp_path, right, wrong):
    assert right in TEXT
    (tmp_path / "compose.yml").write_text(TEXT.replace(right, wrong))
    with pytest.raises(ValueError):
        config(tmp_path / "compose.yml", env_file)


def test_what_runs_is_confined(services):
    for name, service in services.items():
        assert not service.get("privileged")
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        if name == "nats-data":  # gives the volume to NATS's user, without a network, and ends
            assert (service["cap_add"], service["network_mode"]) == (["CHOWN"], "none")
        elif name != "prometheus":  # whose image has a user of its own
            assert service["user"] == "65532:65532", name


def test_what_is_healthy_is_ready(services):
    """`up --wait` must not call a service well that crashes, or whose /readyz is 503."""
    image = (ROOT / "Dockerfile").read_text()
    assert re.search(r"HEALTHCHECK .*\\\n.*/readyz", image)
    for name, service in services.items():
        if name in SERVICES:
            assert "healthcheck" not in service, "the image's own"
        if "build" in service and service.get("healthcheck") == {"disable": True}:
            assert name in {"topology", "ferry", "publisher"}, name
    assert "8090/healthz" in str(services["sandbox"]["healthcheck"]["test"])


def test_the_sandbox_and_nats_keep_their_state(services):
    volumes = yaml.safe_load(TEXT)["volumes"]
    assert "sandbox:/state" in services["sandbox"]["volumes"]
    assert "/state" in services["sandbox"]["command"]
    assert "install -d -o 65532 -g 65532 /state" in (ROOT / "Dockerfile").read_text()
    assert {"sandbox", "nats"} <= set(volumes)


def test_everyone_waits_for_whom_they_need(services):
    for name, service in services.items():
        assert set(service.get("depends_on", [])) <= set(services), name
    for name in SERVICES:
        assert services[name]["depends_on"]["topology"] == {"condition": "service_completed_successfully"}
    assert services["topology"]["depends_on"]["nats"] == {"condition": "service_healthy"}
    assert services["nats"]["depends_on"]["nats-data"] == {"condition": "service_completed_successfully"}


def test_prometheus_asks_every_service_and_alarms_as_kubernetes_does(services):
    folder = ROOT / "deploy" / "observability"
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    jobs = {one["job_name"]: one for one in config["scrape_configs"]}
    (found,) = jobs["ferry"]["dns_sd_configs"]  # each replica is a target of its own
    assert (found["names"], found["type"], found["port"]) == (list(SERVICES), "A", 8080)
    assert jobs["nats"]["static_configs"][0]["targets"] == ["nats-exporter:7777"]
    rules = yaml.safe_load((folder / "rules.yaml").read_text())
    assert yaml.safe_load((folder / "alerts.yml").read_text()) == {"groups": rules["spec"]["groups"]}


def test_ports_are_this_machines_alone(services):
    for name, service in services.items():
        for port in service.get("ports", []):
            assert re.match(r"127\.0\.0\.1:\$\{FERRY_\w+_PORT:-\d+\}:\d+$", port), (
                f"{name}: open, or a fixed port"
            )


def test_only_auth_is_given_the_accounts_of_the_clouds(services):
    for name, service in services.items():
        secret = {
            key
            for key in service.get("environment", {})
            if re.search("SECRET|USERNAME|CLIENT|ENCRYPTION", key)
        }
        assert not secret or name == "auth"


def test_every_variable_is_documented_and_nats_is_given_all_it_reads(services):
    documented = set(re.findall(r"^(?:# )?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT)) <= documented
    read = {found for path in NATS for found in re.findall(r"\$(FERRY_\w+)", path.read_text())}
    assert read
    assert read <= set(services["nats"]["environment"])


NOT_COMPOSES = re.compile("FERRY_(HEALTH__|NATS__(CREDENTIALS_FILE|INBOX_PREFIX|NKEY_SEED|TLS_CA_FILE)$)")
"""The port is the image's health check's; the others are for a bus that is not this file's."""


def names(model, prefix="FERRY_"):
    """Every variable of a settings model."""
    for name, field in model.model_fields.items():
        parts = (field.annotation, *get_args(field.annotation))
        nested = [one for one in parts if isinstance(one, type) and issubclass(one, BaseModel)]
        if nested:
            yield from names(nested[0], f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


def settings(service):
    made = vars(import_module(f"ferry.{service}.settings")).values()
    (found,) = [
        one
        for one in made
        if isinstance(one, type) and issubclass(one, RuntimeSettings) and one is not RuntimeSettings
    ]
    return found


@pytest.mark.parametrize("name", [*SERVICES, "topology"])
def test_every_setting_of_a_service_is_passed_on(services, name):
    if name == "topology":
        all_of_it = {*names(TopologySettings), *names(NatsSettings, "FERRY_NATS__")}
    else:
        all_of_it = {*names(settings(name))}
    wanted = {one for one in all_of_it if not NOT_COMPOSES.match(one)}
    missing = wanted - services[name]["environment"].keys()
    assert not missing, (
        f"add to {name}'s environment in docker-compose.yml, without a value: {sorted(missing)}"
    )
    odd = {one for one in services[name]["environment"] if one.startswith("FERRY_")} - wanted
    assert not odd, f"no setting of {name}: {sorted(odd)}"


@pytest.fixture
def composed(env_file):
    """What Compose makes of our file, for a .env of scripts/make-env.sh and more lines."""

    def with_lines(*lines):
        env_file.write_text(env_file.read_text() + "".join(f"{line}\n" for line in lines))
        return config(ROOT / "docker-compose.yml", env_file)

    return with_lines


REAL = (
    "FERRY_THINGPLUS__URL=https://cloud.example/v2",
    "FERRY_THINGPLUS__CLIENT_ID=real-client",
    "FERRY_THINGPLUS__CLIENT_SECRET=real-secret",
    "FERRY_THINGPLUS__USERNAME=real-user",
)
MD5 = "FERRY_THINGPLUS__PASSWORD_MD5=" + "0" * 32


def test_without_a_cloud_both_are_the_sandbox(composed):
    env = composed()["auth"]["environment"]
    assert env["FERRY_THINGPLUS__URL"] == "http://sandbox:8090/v2"
    assert env["FERRY_THINGPLUS__PASSWORD"] == "sandbox-password"
    assert env["FERRY_OTOSENSE__CLIENT_ID"] == "demo-client"


@pytest.mark.parametrize("secret", ["FERRY_THINGPLUS__PASSWORD=p", MD5])
def test_a_real_cloud_gets_its_own_account(composed, secret):
    found = composed(*REAL, secret, "FERRY_READINGS_MAX_BYTES=3000000000", "FERRY_TELEMETRY__LINGER_S=2")
    env = found["auth"]["environment"]
    assert env["FERRY_THINGPLUS__CLIENT_ID"] == "real-client"
    assert "sandbox" not in env["FERRY_THINGPLUS__URL"] + env["FERRY_THINGPLUS__USERNAME"]
    made = AuthSettings.model_validate(
        {"nats": {"url": "nats://n"}, "thingplus": {"url": env["FERRY_THINGPLUS__URL"]}}
    )
    assert made.thingplus
    name, _, value = secret.partition("=")
    assert env[name] == value
    assert found["topology"]["environment"]["FERRY_READINGS_MAX_BYTES"] == "3000000000"
    assert found["telemetry"]["environment"]["FERRY_TELEMETRY__LINGER_S"] == "2"


@pytest.mark.parametrize("left_out", range(5))
def test_a_half_given_cloud_is_refused(composed, left_out):
    lines = [*REAL, MD5]
    missing = lines.pop(left_out).partition("=")[0]
    with pytest.raises(ValueError, match=f"{missing}.* is missing"):
        composed(*lines)


@pytest.mark.parametrize(
    "alone", [*REAL, MD5, "FERRY_OTOSENSE__CLIENT_SECRET=s", "FERRY_OTOSENSE__URL=https://o"]
)
def test_one_line_of_a_cloud_is_refused(composed, alone):
    with pytest.raises(ValueError, match="is missing"):
        composed(alone)


def test_the_passwords_are_made_by_one_command_for_their_owner_alone(tmp_path):
    env = tmp_path / "env"
    command = [str(ROOT / "scripts" / "make-env.sh"), str(env)]
    subprocess.run(command, check=True, capture_output=True)
    assert env.stat().st_mode & 0o777 == 0o600
    made = dotenv_values(env)
    wanted = set(re.findall(r"\$\{(\w+):\?run scripts/make-env.sh", TEXT))
    assert made.keys() == wanted
    assert len(set(made.values())) == len(made)
    assert all(len(value or "") >= 40 and not (value or "").isdigit() for value in made.values())
    again = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert dotenv_values(env) == made


@pytest.mark.parametrize(("password", "code"), [("12345678901234", 2), ("p1234567", 0), ("", 2)])
def test_a_password_of_digits_is_refused_in_words(services, tmp_path, password, code):
    script = services["nats-data"]["command"][0].replace("$$", "$").split("[ ")[0]
    env = {"PATH": os.environ["PATH"], "FERRY_NATS_SYS_PASSWORD": "p1", "FERRY_NATS_AUTH_PASSWORD": password}
    done = subprocess.run(["sh", "-euc", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code
    if done.returncode:
        assert "FERRY_NATS_AUTH_PASSWORD is digits alone" in done.stderr


def test_compose_and_make_images_tag_alike(services):
    for name, service in services.items():
        if "build" in service:
            image = "cli" if name == "topology" else name
            assert service["image"] == tag(image)
