"""Schemathesis, with every check, against both OpenAPI documents: what it finds must be said in the document itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from guide_client import Tenant, new_sensor, sites_at

from ferry.sandbox import fixtures
from ferry.sandbox.admin import pages
from ferry.sandbox.app import Sandbox

EXPLAINED = Path(__file__).parent / "schemathesis.toml"
EXAMPLES = int(os.environ.get("SANDBOX_EXAMPLES", "6"))


@pytest.fixture(scope="module")
def tenant(url: str) -> Tenant:
    """A tenant whose client may do everything, with a fleet, so that what is tried gets beyond the door."""
    tenant = sites_at(url)
    tenant.login()
    gateway, device, sensor = "fuzzed-gateway", "fuzzed-device", "fuzzed-sensor"
    params = {"siteId": tenant.site, "model": "52", "name": "fuzzed"}
    tenant.ok("POST", "/registerGateway", {"reqId": gateway, "params": params})
    model = "open-api-device-v1.0"
    tenant.ok("POST", f"/gateways/{gateway}/devices", {"reqId": device, "name": "d", "model": model})
    tenant.ok("POST", f"/gateways/{gateway}/sensors", new_sensor(device, reqId=sensor))
    return tenant


def run(cloud: str, url: str, mount: str, *more: str, **accounts: str) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={EXPLAINED}",
        "run",
        f"{url}/openapi/{cloud}.json",
        f"--url={url}{mount}",
        *more,
        "--phases=examples,coverage,fuzzing",
        f"--max-examples={EXAMPLES}",
        "--seed=1",
        "--generation-database=none",
        "--warnings=off",
        "--no-color",
    ]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=os.environ | accounts
    )
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr


@pytest.mark.timeout(320)
def test_thingplus_answers_as_its_document_says(url: str, tenant: Tenant) -> None:
    login = {"loginId": tenant.username, "password": tenant.credentials()["password"]}
    session = requests.post(f"{url}/v2/login", json=login, timeout=10).cookies["dwTPlus"]
    bearer = str(tenant.http.headers["Authorization"]).removeprefix("Bearer ")
    accounts = {"SANDBOX_BEARER": bearer, "SANDBOX_SESSION": session}
    run("thingplus", url, "/v2", "--exclude-operation-id=logout", **accounts)


@pytest.mark.timeout(320)
def test_without_a_session_there_is_none_to_end(url: str) -> None:
    run("thingplus", url, "/v2", "--include-operation-id=logout", SANDBOX_BEARER="x", SANDBOX_SESSION="x")


@pytest.mark.timeout(320)
def test_otosense_answers_as_its_document_says(url: str, tenant: Tenant) -> None:
    grant = {"grant_type": "client_credentials"}
    answer = requests.post(f"{url}/otosense/oauth/token", auth=tenant.otosense, data=grant, timeout=10)
    bearer = answer.json()["access_token"]
    run("otosense", url, "/otosense", SANDBOX_BEARER=bearer, SANDBOX_SESSION="")


def test_what_is_not_held_against_the_sandbox_is_said_in_the_documents() -> None:
    """Each comment of the configuration that begins with a quotation mark is a sentence of a document."""
    said = " ".join(
        " ".join(pages.openapi(cloud)["info"]["description"].split()) for cloud in ("thingplus", "otosense")
    )
    quoted = [
        line.split('"')[1].removesuffix(".")
        for line in EXPLAINED.read_text().splitlines()
        if line.startswith('# "')
    ]
    assert len(quoted) == EXPLAINED.read_text().count("checks.")
    assert [sentence for sentence in quoted if sentence not in said] == []


def test_every_route_of_a_cloud_is_in_its_document_and_no_other() -> None:
    routes = Sandbox(fixtures.load()).routes
    served = {(route.method, route.template) for route in routes if route.cloud}
    declared = {
        (method.upper(), prefix + path)
        for cloud, prefix in (("thingplus", "/v2"), ("otosense", "/otosense"))
        for path, item in pages.openapi(cloud)["paths"].items()
        for method in item
        if method in {"get", "post", "put", "delete"}
    }
    normal = {(method, template.replace("{sensorId}", "{sensor}")) for method, template in declared}
    assert normal == served
