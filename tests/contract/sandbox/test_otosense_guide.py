"""Every request and answer that the OtoSense guide prints, with certificates that are really made."""

import uuid
from typing import Any

import pytest
import requests
from certificates import chain, rsa_key, self_signed
from guide_client import Tenant


def token(tenant: Tenant) -> dict[str, Any]:
    answer = requests.post(
        f"{tenant.url}/otosense/oauth/token",
        auth=tenant.otosense,
        data={"grant_type": "client_credentials"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def bearer(tenant: Tenant) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(tenant)['access_token']}"}


def provision(tenant: Tenant, pem: str) -> requests.Response:
    url = f"{tenant.url}/otosense/sensors"
    return requests.post(url, json={"cert": pem}, headers=bearer(tenant), timeout=10)


def new_sensor_id(suffix: str = "") -> str:
    return f"{uuid.uuid4().hex[:9].upper()}{suffix}"


def test_getting_the_bearer_token(demo: Tenant) -> None:
    said = token(demo)
    assert said.pop("access_token")
    assert said == {
        "token_type": "bearer",
        "expires_in": 3600,
        "scope": "service.sms tenant.tid.demo role.standard",
    }


def test_the_token_request_may_be_json_and_basic_may_be_form_encoded(demo: Tenant) -> None:
    url = f"{demo.url}/otosense/oauth/token"
    body = {"grant_type": "client_credentials"}
    encoded = ("demo%2Dclient", "demo%2Dsecret")
    assert requests.post(url, auth=demo.otosense, json=body, timeout=10).status_code == 200
    assert requests.post(url, auth=encoded, data=body, timeout=10).status_code == 200
    in_body = body | {"client_id": demo.otosense[0], "client_secret": demo.otosense[1]}
    assert requests.post(url, json=in_body, timeout=10).status_code == 200


def test_the_token_request_is_refused_for_wrong_credentials_and_other_grants(demo: Tenant) -> None:
    url = f"{demo.url}/otosense/oauth/token"
    wrong = requests.post(
        url, auth=("demo-client", "no"), data={"grant_type": "client_credentials"}, timeout=10
    )
    grant = requests.post(url, auth=demo.otosense, data={"grant_type": "password"}, timeout=10)
    assert (wrong.status_code, grant.status_code) == (401, 400)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_provisioning_and_confirming(demo: Tenant, kind: str) -> None:
    sensor = new_sensor_id()
    pem = chain(sensor, kind)
    answer = provision(demo, pem)

    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said.keys() == {"sensorId", "provisioned", "provisionedBy"}
    assert said["sensorId"] == sensor
    assert said["provisionedBy"] == demo.otosense[0]
    assert provision(demo, pem).json() == said

    url = f"{demo.url}/otosense/sensors/{sensor}"
    assert "lastConnected" not in requests.get(url, headers=bearer(demo), timeout=10).json()
    connect = requests.post(f"{demo.url}/admin/sensors/{sensor}/connect", timeout=10)
    assert connect.status_code == 200
    confirmed = requests.get(url, headers=bearer(demo), timeout=10).json()
    assert confirmed.keys() == {"sensorId", "provisioned", "provisionedBy", "lastConnected"}


def test_another_tenants_sensor_is_409_to_claim_and_404_to_see(demo: Tenant, other: Tenant) -> None:
    sensor = new_sensor_id()
    pem = chain(sensor)
    assert provision(demo, pem).status_code == 200
    assert provision(other, pem).status_code == 409
    seen = requests.get(f"{demo.url}/otosense/sensors/{sensor}", headers=bearer(other), timeout=10)
    assert seen.status_code == 404


BAD_PEM = {
    "no PEM": lambda: "rubbish",
    "truncated": lambda: chain("S1")[:500],
    "a key": rsa_key,
    "reversed": lambda: "".join(reversed(chain("S1").partition("-----END CERTIFICATE-----\n")[::2])),
    "two leaves": lambda: self_signed("S1") + self_signed("S2"),
    "expired": lambda: self_signed("S1", days=-1),
    "no usable id": lambda: self_signed("has spaces / and more"),
    "too long": lambda: "A" * 1_000_000,
}


@pytest.mark.parametrize("make", BAD_PEM.values(), ids=BAD_PEM.keys())
def test_a_bad_certificate_is_400_with_a_message(demo: Tenant, make: Any) -> None:
    answer = provision(demo, make())
    assert answer.status_code == 400
    assert answer.json().keys() == {"message"}


def test_without_a_good_bearer_401(demo: Tenant) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = requests.get(f"{demo.url}/otosense/sensors/S1", headers=headers, timeout=10)
        assert answer.status_code == 401


def test_unknown_keys_are_refused(demo: Tenant) -> None:
    answer = requests.post(
        f"{demo.url}/otosense/sensors",
        json={"cert": chain("S1"), "more": 1},
        headers=bearer(demo),
        timeout=10,
    )
    assert answer.status_code == 400
