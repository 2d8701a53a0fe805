"""Every request and answer that the Thing+ guide prints, by its chapters, against the sandbox."""

import re
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
import requests
from guide_client import Tenant, new_id

TEXT_NUMBER = re.compile(r"\d{13}")


@dataclass
class Row:
    """One request and its answer, as printed; `{…}` stands for what the test fills in."""

    chapter: str
    method: str
    path: str
    body: Any
    status: int
    data: dict[str, Any]
    exactly: bool = True
    before: list[tuple[str, str, Any]] = field(default_factory=list)


STAMPS = {"mtime": int, "ctime": int}
STORED_STAMPS = {"mtime": TEXT_NUMBER, "ctime": TEXT_NUMBER}
STATUS = {"validDuration": 450, "value": "on"}
SERIES = "/gateways/{gateway}/sensors/{sensor}/series"
STATUS_LEAF = {
    "type": "status",
    "value": "on",
    "time": TEXT_NUMBER,
    "expireAt": TEXT_NUMBER,
    "vtime": TEXT_NUMBER,
    **STORED_STAMPS,
}
SENSOR = {
    "name": "Temperature Sensor",
    "type": "temperature",
    "driverName": "openApiSensor",
    "model": "openApiTemp",
    "category": "sensor",
    "deviceId": "{device}",
}
ROWS = [
    Row(
        "5.1 Obtaining a site ID",
        "GET",
        "/sites",
        None,
        200,
        {
            "billing": "site:1",
            "code": "iot-service",
            "ctime": TEXT_NUMBER,
            "_service": "1",
            "billingReserve": "site:1:reserve",
            "billingLimit": "site:1:limit",
            "name": "default",
            "id": "1",
            "billingMeter": "site:1:meter",
            "mtime": TEXT_NUMBER,
            "billingCurrent": "site:1:current",
        },
    ),
    Row(
        "5.4 Registering the gateway",
        "POST",
        "/registerGateway",
        {"reqId": "{new}", "params": {"siteId": "1", "model": "52", "name": "Open Gateway 1"}},
        201,
        {
            "name": "Open Gateway 1",
            "model": "52",
            "_site": "1",
            "_service": "1",
            "reportInterval": "300000",
            **STAMPS,
            "tree": "{new}",
            "id": "{new}",
        },
    ),
    Row(
        "6.1 Registering a device (the printed answer is a gateway's, by mistake)",
        "POST",
        "/gateways/{gateway}/devices",
        {"reqId": "{new}", "name": "Open Gateway Device 1", "model": "open-api-device-v1.0"},
        201,
        {
            "name": "Open Gateway Device 1",
            "model": "open-api-device-v1.0",
            "owner": "{gateway}",
            **STAMPS,
            "id": "{new}",
        },
    ),
    Row(
        "7.1 Registering a sensor",
        "POST",
        "/gateways/{gateway}/sensors",
        {"reqId": "{new}", **SENSOR},
        201,
        {**SENSOR, "owner": "{gateway}", **STAMPS, "id": "{new}"},
    ),
    Row(
        "8.1 Transferring the gateway status",
        "PUT",
        "/gateways/{gateway}/status",
        STATUS,
        200,
        {
            **STATUS_LEAF,
            "srcDbType": "gateway",
            "status": "{gateway}",
            "owner": "{gateway}",
            "gateway": "{gateway}",
            "id": re.compile(r"status\.gateway\.\w{6}"),
        },
        before=[("PUT", "/gateways/{gateway}/status", STATUS)],
    ),
    Row(
        "8.2 Transferring the sensor status",
        "PUT",
        "/gateways/{gateway}/sensors/{sensor}/status",
        STATUS,
        200,
        {
            **STATUS_LEAF,
            "srcType": "temperature",
            "srcCategory": "sensor",
            "srcDbType": "sensor",
            "status": "{sensor}",
            "owner": "{gateway}",
            "sensor": "{sensor}",
            "id": re.compile(r"status\.sensor\.\w{6}"),
        },
    ),
    Row(
        "9.1 Transferring the sensor value: one value (the first: the answer is the sensor)",
        "PUT",
        SERIES,
        {"value": "36.5", "time": 1495715734508},
        200,
        {
            **SENSOR,
            "owner": "{gateway}",
            **STORED_STAMPS,
            "status": re.compile(r"status\.sensor\.\w{6}"),
            "series": re.compile(r"series\.sensor\.\w{6}"),
            "id": "{sensor}",
        },
        before=[("PUT", "/gateways/{gateway}/sensors/{sensor}/status", STATUS)],
    ),
    Row(
        "9.1 Transferring the sensor value: several values (not the first: the answer is the leaf)",
        "PUT",
        SERIES,
        [{"value": "36.5", "time": 1495716734508}, {"value": "36.3", "time": 1495717184508}],
        200,
        {
            "type": "series",
            "srcType": "temperature",
            "seriesPack": [
                {"value": "36.5", "time": 1495716734508},
                {"value": "36.3", "time": 1495717184508},
            ],
            **STORED_STAMPS,
            "time": "1495717184508",
            "value": "36.3",
            "owner": "{gateway}",
            "series": "{sensor}",
            "sensor": "{sensor}",
            "srcCategory": "sensor",
            "srcDbType": "sensor",
            "id": re.compile(r"series\.sensor\.\w{6}"),
        },
        before=[("PUT", SERIES, {"value": "36.5", "time": 1495715734508})],
    ),
]


def filled(content: Any, names: dict[str, str]) -> Any:
    if isinstance(content, str) and not content.startswith("{gatewayId}"):
        return content.format(**names)
    if isinstance(content, dict):
        return {key: filled(value, names) for key, value in content.items()}
    if isinstance(content, list):
        return [filled(value, names) for value in content]
    return content


def fits(found: Any, expected: Any) -> bool:
    if isinstance(expected, re.Pattern):
        return isinstance(found, str) and expected.fullmatch(found) is not None
    if isinstance(expected, type):
        return type(found) is expected
    return bool(found == expected)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.chapter)
def test_the_guides_request_gets_the_guides_answer(demo: Tenant, row: Row) -> None:
    gateway = demo.gateway()
    device = demo.device(gateway)
    names = {"gateway": gateway, "device": device, "sensor": demo.sensor(gateway, device), "new": new_id()}
    for method, path, body in row.before:
        demo.ok(method, filled(path, names), body)

    answer = demo.call(row.method, filled(row.path, names), filled(row.body, names))

    assert answer.status_code == row.status, answer.text
    envelope = answer.json()
    assert envelope.keys() == {"statusCode", "message", "data"}
    assert envelope["statusCode"] == row.status
    assert envelope["message"] == {200: "OK", 201: "Created"}[row.status]
    data = envelope["data"][0] if isinstance(envelope["data"], list) else envelope["data"]
    expected = filled(row.data, names)
    assert data.keys() == expected.keys()
    assert {key: value for key, value in data.items() if not fits(value, expected[key])} == {}


def test_chapter_3_an_auth_client_is_created_with_a_portal_session(demo: Tenant) -> None:
    name = new_id()
    body = {
        "name": "Test Client for Daliworks",
        "reqId": name,
        "clientSecret": "testClientPwd12!@",
        "scopes": ["gateway", "site-read"],
    }
    with requests.Session() as browser:
        login = {"loginId": demo.username, "password": demo.credentials()["password"]}
        assert browser.post(f"{demo.url}/v2/login", json=login, timeout=10).status_code == 200
        assert "dwTPlus" in browser.cookies
        answer = browser.post(f"{demo.url}/v2/authClients", json=body, timeout=10)
        assert browser.post(f"{demo.url}/v2/logout", timeout=10).status_code == 200
        after = browser.post(f"{demo.url}/v2/authClients", json=body, timeout=10)

    assert answer.status_code == 201
    said = answer.json()
    assert said["statusCode"] == 201
    assert said["message"] == "Created"
    stamps = {key: said["data"].pop(key) for key in ("mtime", "ctime")}
    assert all(type(stamp) is int for stamp in stamps.values())
    expected = {key: value for key, value in body.items() if key != "reqId"} | {"_user": "1", "id": name}
    assert said["data"] == expected
    assert after.status_code == 401

    granted = requests.post(f"{demo.url}/v2/oauth2/token", data=demo.credentials(client_id=name), timeout=10)
    assert granted.status_code == 200


@pytest.mark.parametrize("how", ["data", "json"])
def test_chapter_4_the_password_grant_answers_with_a_jwt(demo: Tenant, how: str) -> None:
    answer = requests.post(f"{demo.url}/v2/oauth2/token", timeout=10, **{how: demo.credentials()})  # type: ignore[arg-type]

    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type"}
    assert answer.json()["token_type"] == "Bearer"
    token = answer.json()["access_token"]
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["userId"], claims["clientId"]) == ("1", "testClientId")
    assert claims["exp"] - claims["iat"] == 90 * 24 * 3600


def test_chapter_4_a_body_without_content_type_is_read_too(demo: Tenant) -> None:
    prepared = requests.Request("POST", f"{demo.url}/v2/oauth2/token", data=demo.credentials()).prepare()
    del prepared.headers["Content-Type"]
    with requests.Session() as session:
        assert session.send(prepared, timeout=10).status_code == 200


def test_chapter_4_the_token_lists_the_gateways(demo: Tenant) -> None:
    gateway = demo.gateway()
    found = demo.ok("GET", f"/gateways?filter[id]={gateway}")
    assert [each["id"] for each in found] == [gateway]


def test_chapter_5_2_the_gateway_model_is_whole(demo: Tenant) -> None:
    data = demo.ok("GET", "/gatewayModels/52")

    assert data["reportInterval"] == "300000"
    assert data["displayName"] == "Open API Gateway"
    assert (data["id"], data["model"], data["vendor"]) == ("52", "open-api-gateway-v1.0", "OPEN API")
    assert (data["gatewayIdConfig"], data["idFormat"]) == ("n", "uuid")
    assert data["deviceMgmt"] == {
        "reportInterval": {"show": "y", "change": "y"},
        "DM": {
            "poweroff": {"support": "n"},
            "reboot": {"support": "n"},
            "restart": {"support": "n"},
            "swUpdate": {"support": "n"},
            "swInfo": {"support": "n"},
        },
    }
    (device,) = data["deviceModels"]
    assert device["id"] == "open-api-device-v1.0"
    assert device["displayName"] == "Open API Device"
    assert device["idTemplate"] == "{gatewayId}-{deviceAddress}"
    assert (device["discoverable"], device["max"]) == ("y", 99)
    for model, kind in (
        ("openApiTemp", "temperature"),
        ("openApiHumi", "humidity"),
        ("openApiConductivity", "conductivity"),
    ):
        printed = {
            "network": "daliworks",
            "driverName": "openApiSensor",
            "model": model,
            "type": kind,
            "category": "sensor",
        }
        assert printed in device["sensors"]


def test_chapter_8_expiry_counts_in_seconds_from_the_report_and_vtime_from_the_change(demo: Tenant) -> None:
    gateway = demo.gateway()
    sensor = demo.sensor(gateway, demo.device(gateway))
    path = f"/gateways/{gateway}/sensors/{sensor}/status"
    first = demo.ok("PUT", path, STATUS)
    again = demo.ok("PUT", path, STATUS)
    changed = demo.ok("PUT", path, {"value": "err", "timeout": 60})

    assert int(first["expireAt"]) == int(first["time"]) + 450_000
    assert again["vtime"] == first["vtime"]
    assert changed["vtime"] == changed["time"]
    assert int(changed["expireAt"]) == int(changed["time"]) + 60_000
    assert demo.ok("GET", path)["status"] == changed
