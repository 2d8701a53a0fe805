"""Both guides from their first step to their last, for two tenants at once: with `requests`, and with curl."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
import requests
from certificates import chain
from guide_client import Tenant, demo_at, new_id, other_at
from sandbox_process import started

Caller = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with started("--port", "0") as (address, _):
        yield address


def by_requests(
    method: str, url: str, *, token: str = "", form: Any = None, body: Any = None
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.request(method, url, headers=headers, data=form, json=body, timeout=10)
    return answer.status_code, answer.json()


def by_curl(method: str, url: str, *, token: str = "", form: Any = None, body: Any = None) -> tuple[int, Any]:
    command = ["curl", "-sS", "-g", "-X", method, "-w", "\n%{http_code}", url]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    for key, value in (form or {}).items():
        command += ["--data-urlencode", f"{key}={value}"]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    text, _, status = said.rpartition("\n")
    return int(status), json.loads(text)


def thingplus_flow(call: Caller, tenant: Tenant) -> tuple[str, str, str]:
    """Chapters 4 to 9; answers the token, the gateway and the sensor."""
    base = f"{tenant.url}/v2"
    password = md5(tenant.password.encode(), usedforsecurity=False).hexdigest()
    status, said = call("POST", f"{base}/oauth2/token", form=tenant.credentials(password=password))
    assert (status, said["token_type"]) == (200, "Bearer")
    token = said["access_token"]

    status, said = call("GET", f"{base}/sites", token=token)
    site = said["data"][0]["id"]
    assert (status, site) == (200, tenant.site)
    status, said = call("GET", f"{base}/gatewayModels/52", token=token)
    model = said["data"]["deviceModels"][0]
    wanted = next(each for each in model["sensors"] if each["type"] == "temperature")

    gateway, device, sensor = new_id(), new_id(), new_id()
    body: dict[str, Any] = {
        "reqId": gateway,
        "params": {"siteId": site, "model": "52", "name": "Open Gateway 1"},
    }
    status, said = call("POST", f"{base}/registerGateway", token=token, body=body)
    assert (status, said["data"]["_site"]) == (201, site)
    at = f"{base}/gateways/{gateway}"
    body = {"reqId": device, "name": "Open Gateway Device 1", "model": model["id"]}
    status, said = call("POST", f"{at}/devices", token=token, body=body)
    assert (status, said["data"]["id"], said["data"]["owner"]) == (201, device, gateway)
    described = {key: wanted[key] for key in ("type", "driverName", "model", "category")}
    body = {"reqId": sensor, "name": "Temperature Sensor", "deviceId": device, **described}
    status, said = call("POST", f"{at}/sensors", token=token, body=body)
    assert (status, said["data"]["id"]) == (201, sensor)

    interval_s = int(model.get("reportInterval", 300_000)) // 1000
    report = {"validDuration": interval_s * 3 // 2, "value": "on"}
    assert call("PUT", f"{at}/status", token=token, body=report)[0] == 200
    assert call("PUT", f"{at}/sensors/{sensor}/status", token=token, body=report)[0] == 200
    first = {"value": "36.5", "time": 1495715734508}
    status, said = call("PUT", f"{at}/sensors/{sensor}/series", token=token, body=first)
    assert (status, said["data"]["id"]) == (200, sensor)
    more = [{"value": "36.5", "time": 1495716734508}, {"value": "36.3", "time": 1495717184508}]
    status, said = call("PUT", f"{at}/sensors/{sensor}/series", token=token, body=more)
    assert (status, said["data"]["seriesPack"]) == (200, more)
    return token, gateway, sensor


def otosense_flow(call: Caller, tenant: Tenant) -> None:
    base = f"{tenant.url}/otosense"
    grant = {"grant_type": "client_credentials"}
    name, secret = tenant.otosense
    status, said = call("POST", f"{base}/oauth/token".replace("//", f"//{name}:{secret}@", 1), form=grant)
    assert (status, said["token_type"], said["expires_in"]) == (200, "bearer", 3600)
    token = said["access_token"]
    sensor = f"0000S{new_id()[:6].upper()}"
    status, said = call("POST", f"{base}/sensors", token=token, body={"cert": chain(sensor)})
    assert (status, said["sensorId"]) == (200, sensor)
    requests.post(f"{tenant.url}/admin/clock", json={"advance_s": 30}, timeout=10)
    status, said = call("GET", f"{base}/sensors/{sensor}", token=token)
    assert status == 200
    assert said.keys() == {"sensorId", "provisioned", "provisionedBy", "lastConnected"}


@pytest.mark.parametrize("call", [by_requests, by_curl], ids=["requests", "curl"])
def test_two_tenants_follow_both_guides(url: str, call: Caller) -> None:
    demo, other = demo_at(url), other_at(url)
    token, gateway, sensor = thingplus_flow(call, demo)
    other_token, other_gateway, other_sensor = thingplus_flow(call, other)
    for tenant in (demo, other):
        otosense_flow(call, tenant)

    for foreign, path in (
        (other_token, f"/gateways/{gateway}/sensors/{sensor}/series"),
        (token, f"/gateways/{other_gateway}/sensors/{other_sensor}/series"),
    ):
        now = int(time.time() * 1000)
        status, said = call("PUT", f"{url}/v2{path}", token=foreign, body={"value": "1", "time": now})
        assert (status, said["errors"][0]["code"]) == (403, "ACCESSGROUP_DENY")
    for tenant_name, mine in (("demo", f"{gateway}/{sensor}"), ("other", f"{other_gateway}/{other_sensor}")):
        _, counted = call("GET", f"{url}/admin/points?tenant={tenant_name}")
        assert counted["sensors"][mine] == 3


def test_the_same_flows_leave_the_same_behind(url: str, tmp_path: Path) -> None:
    """What `requests` and curl were answered differs in ids and times alone."""
    shapes = []
    for call in (by_requests, by_curl):
        token, gateway, sensor = thingplus_flow(call, demo_at(url))
        _, said = call("GET", f"{url}/v2/gateways/{gateway}?embed=sensors&embed=status", token=token)
        _, points = call("GET", f"{url}/admin/series/{gateway}/{sensor}")
        shapes.append((shape(said), [(point["time"], point["value"]) for point in points]))
    assert shapes[0] == shapes[1]


def shape(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: shape(value) for key, value in content.items()}
    if isinstance(content, list):
        return [shape(value) for value in content]
    return type(content).__name__
