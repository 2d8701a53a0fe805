"""Schemathesis against both OpenAPI documents: no 5xx, and no answer that they do not declare."""

from typing import Any

import pytest
import requests
import schemathesis
from guide_client import demo_at
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ferry.sandbox import fixtures
from ferry.sandbox.admin import pages
from ferry.sandbox.app import Sandbox

DECLARED = [status_code_conformance, content_type_conformance, response_schema_conformance]
QUICK = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="session")
def signed_in(url: str) -> dict[str, str]:
    """A portal session and a token, so that what is tried gets beyond the door."""
    tenant = demo_at(url)
    login = {"loginId": tenant.username, "password": tenant.credentials()["password"]}
    session = requests.post(f"{url}/v2/login", json=login, timeout=10).cookies["dwTPlus"]
    tenant.login()
    return {
        "Authorization": str(tenant.http.headers["Authorization"]),
        "Cookie": f"dwTPlus={session}",
    }


@pytest.fixture(scope="session")
def otosense_headers(url: str) -> dict[str, str]:
    tenant = demo_at(url)
    grant = {"grant_type": "client_credentials"}
    answer = requests.post(f"{url}/otosense/oauth/token", auth=tenant.otosense, data=grant, timeout=10)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


thingplus = schemathesis.openapi.from_dict(pages.openapi("thingplus"))
otosense = schemathesis.openapi.from_dict(pages.openapi("otosense"))


@thingplus.parametrize()
@QUICK
def test_thingplus_answers_as_its_document_says(case: Any, url: str, signed_in: dict[str, str]) -> None:
    headers = {} if case.operation.path == "/logout" else signed_in
    answer = case.call(base_url=f"{url}/v2", headers=headers)
    unsupported_grant = case.operation.path == "/oauth2/token" and answer.status_code == 501
    checks = DECLARED if unsupported_grant else [not_a_server_error, *DECLARED]
    case.validate_response(answer, checks=checks)


@otosense.parametrize()
@QUICK
def test_otosense_answers_as_its_document_says(case: Any, url: str, otosense_headers: dict[str, str]) -> None:
    headers = {} if case.operation.path == "/oauth/token" else otosense_headers
    answer = case.call(base_url=f"{url}/otosense", headers=headers)
    case.validate_response(answer, checks=[not_a_server_error, *DECLARED])


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
