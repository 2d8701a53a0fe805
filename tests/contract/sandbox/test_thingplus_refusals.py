"""What Thing+ refuses, and how; where nobody documents it, what the sandbox chose (docs/get-started/sandbox.md)."""

from pathlib import Path
from typing import Any

import pytest
import requests
from guide_client import Tenant, new_id, new_sensor

from ferry.sandbox.thingplus.exempt import EXEMPT


@pytest.fixture
def lane(demo: Tenant) -> tuple[str, str, str]:
    gateway = demo.gateway()
    device = demo.device(gateway)
    return gateway, device, demo.sensor(gateway, device)


def refusal(answer: requests.Response) -> tuple[int, str]:
    said = answer.json()
    assert said["statusCode"] == answer.status_code
    assert said["errors"][0].keys() == {"category", "code", "message"}
    return answer.status_code, said["errors"][0]["code"]


def gateway_body(**changed: Any) -> dict[str, Any]:
    params = {"siteId": "1", "model": "52", "name": "Open Gateway 1"} | changed
    return {"reqId": new_id(), "params": params}


SCHEMA = (400, "SCHEMA_VALIDATE")
INPUT = (400, "INVALID_INPUT")
MISSING = (404, "NOT_FOUND")
POINT = {"value": "36.5", "time": 1495715734508}

GATEWAYS: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"siteId": ""}, SCHEMA),
    ({"siteId": " "}, MISSING),
    ({"siteId": "2"}, (403, "ACCESSGROUP_DENY")),
    ({"siteId": "none"}, MISSING),
    ({"reportInterval": None}, SCHEMA),
    ({"siteId": 1}, SCHEMA),
    ({"model": "53"}, MISSING),
    ({"reportInterval": 59_999}, SCHEMA),
    ({"reportInterval": 604_800_001}, SCHEMA),
    ({"reportInterval": "300000"}, SCHEMA),
    ({"more": 1}, SCHEMA),
]


@pytest.mark.parametrize(("changed", "expected"), GATEWAYS)
def test_a_gateway_is_refused(demo: Tenant, changed: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refusal(demo.call("POST", "/registerGateway", gateway_body(**changed))) == expected


@pytest.mark.parametrize("body", [{"params": {}}, {"reqId": "a b", "params": {}}, [], 1, None])
def test_a_gateway_without_what_it_needs_is_refused(demo: Tenant, body: Any) -> None:
    answer = demo.http.post(f"{demo.url}/v2/registerGateway", json=body, data=None, timeout=10)
    assert answer.status_code == 400


def test_text_that_is_no_json_is_json_parsing(demo: Tenant, lane: tuple[str, str, str]) -> None:
    for text in ("{", "", '{"value": "1", "time": }', "\xff"):
        url = f"{demo.url}/v2/gateways/{lane[0]}/sensors/{lane[2]}/series"
        answer = demo.http.put(url, data=text.encode("latin-1"), timeout=10)
        assert refusal(answer) == (400, "JSON_PARSING")


def test_a_submitted_report_interval_comes_back_as_a_number(demo: Tenant) -> None:
    body = gateway_body(reportInterval=60_000)
    assert demo.ok("POST", "/registerGateway", body)["reportInterval"] == 60_000
    assert demo.ok("GET", f"/gateways/{body['reqId']}")["reportInterval"] == "60000"


def test_ones_own_id_again_is_409_and_someone_elses_403(demo: Tenant, other: Tenant) -> None:
    body = gateway_body()
    demo.ok("POST", "/registerGateway", body)
    assert refusal(demo.call("POST", "/registerGateway", body)) == (409, "CONFLICT")
    body["params"]["siteId"] = other.site
    assert refusal(other.call("POST", "/registerGateway", body)) == (403, "ACCESSGROUP_DENY")


def test_every_path_below_another_tenants_gateway_is_403_and_below_nobodys_404(
    demo: Tenant, other: Tenant, lane: tuple[str, str, str]
) -> None:
    gateway, device, sensor = lane
    status = {"value": "on", "validDuration": 1}
    calls = [
        ("GET", "", None),
        ("PUT", "", {"name": "changed"}),
        ("DELETE", "", None),
        ("PUT", f"/devices/{device}", {"name": "changed"}),
        ("DELETE", f"/devices/{device}", None),
        ("PUT", f"/sensors/{sensor}", {"name": "changed"}),
        ("DELETE", f"/sensors/{sensor}", None),
        ("GET", "/devices", None),
        ("GET", f"/devices/{device}", None),
        ("POST", "/devices", {"reqId": new_id(), "name": "d", "model": "open-api-device-v1.0"}),
        ("GET", "/sensors", None),
        ("POST", "/sensors", new_sensor(device)),
        ("GET", f"/sensors/{sensor}", None),
        ("GET", "/status", None),
        ("PUT", "/status", status),
        ("GET", f"/sensors/{sensor}/status", None),
        ("PUT", f"/sensors/{sensor}/status", status),
        ("GET", f"/sensors/{sensor}/series", None),
        ("PUT", f"/sensors/{sensor}/series", POINT),
    ]
    for method, path, body in calls:
        assert refusal(other.call(method, f"/gateways/{gateway}{path}", body)) == (403, "ACCESSGROUP_DENY")
        assert refusal(demo.call(method, f"/gateways/{new_id()}{path}", body)) == MISSING
    assert gateway not in {each["id"] for each in other.ok("GET", "/gateways?count=4000")}


def test_duplicate_devices_and_sensors_are_409(demo: Tenant, lane: tuple[str, str, str]) -> None:
    gateway, device, sensor = lane
    body = {"reqId": device, "name": "again", "model": "open-api-device-v1.0"}
    assert refusal(demo.call("POST", f"/gateways/{gateway}/devices", body)) == (409, "CONFLICT")
    again = new_sensor(device, reqId=sensor)
    assert refusal(demo.call("POST", f"/gateways/{gateway}/sensors", again)) == (409, "CONFLICT")


SENSORS: list[tuple[dict[str, str], tuple[int, str]]] = [
    ({"deviceId": "nowhere"}, MISSING),
    ({"category": "actuator"}, INPUT),
    ({"type": "nonsense"}, (400, "MISMATCH_ERROR")),
    ({"model": "openApiHumi"}, (400, "MISMATCH_ERROR")),
    ({"driverName": "otherDriver"}, (400, "MISMATCH_ERROR")),
    ({"more": "1"}, SCHEMA),
    ({"reqId": "with space"}, SCHEMA),
    ({"reqId": "line\n"}, SCHEMA),
    ({"category": "nonsense"}, SCHEMA),
]


@pytest.mark.parametrize(("changed", "expected"), SENSORS)
def test_a_sensor_is_refused(
    demo: Tenant, lane: tuple[str, str, str], changed: dict[str, str], expected: tuple[int, str]
) -> None:
    body = new_sensor(lane[1], **changed)
    assert refusal(demo.call("POST", f"/gateways/{lane[0]}/sensors", body)) == expected


def test_the_hundredth_device_of_a_gateway_is_refused(demo: Tenant) -> None:
    devices = [{"reqId": new_id(), "name": "d", "model": "open-api-device-v1.0"} for _ in range(100)]
    answer = demo.call("POST", "/registerGateway", gateway_body(devices=devices))
    assert answer.status_code == 207
    assert len(answer.json()["data"]["devices"]) == 99


SERIES: list[tuple[Any, tuple[int, str]]] = [
    ({"value": 36.5, "time": 1}, SCHEMA),
    ({"value": None, "time": 1}, SCHEMA),
    ({"value": "36.5", "time": "1"}, SCHEMA),
    ({"value": "36.5", "time": True}, SCHEMA),
    ({"value": "36.5", "time": -1}, SCHEMA),
    ({"value": "36.5"}, SCHEMA),
    ({"value": "36.5", "time": 1, "more": 1}, SCHEMA),
    ([], SCHEMA),
    ({"value": "warm", "time": 1}, INPUT),
    ({"value": "NaN", "time": 1}, INPUT),
    ({"value": {"a": 1}, "time": 1}, INPUT),
    ([{"value": "1", "time": 2}, {"value": "1", "time": 2}], INPUT),
    ([{"value": "1", "time": 1}, {"value": "x", "time": 2}], INPUT),
]


@pytest.mark.parametrize(("body", "expected"), SERIES)
def test_a_series_is_refused_whole(
    demo: Tenant, lane: tuple[str, str, str], body: Any, expected: tuple[int, str]
) -> None:
    path = f"/gateways/{lane[0]}/sensors/{lane[2]}/series"
    assert refusal(demo.call("PUT", path, body)) == expected
    assert demo.ok("GET", path)["series"]["data"] == []


def test_times_only_go_forward(demo: Tenant, lane: tuple[str, str, str]) -> None:
    path = f"/gateways/{lane[0]}/sensors/{lane[2]}/series"
    assert demo.call("PUT", path, {"value": "1", "time": 100}).status_code == 200
    for time in (100, 99):
        assert refusal(demo.call("PUT", path, {"value": "1", "time": time})) == INPUT
    mixed = [{"value": "1", "time": 100}, {"value": "2", "time": 101}]
    assert refusal(demo.call("PUT", path, mixed)) == INPUT
    assert demo.call("PUT", path, {"value": "2", "time": 101}).status_code == 200


def test_what_is_sent_again_is_counted(demo: Tenant, lane: tuple[str, str, str]) -> None:
    def again() -> int:
        counted = demo.http.get(f"{demo.url}/admin/counters", timeout=10).json()
        return int(counted["points_sent_again"])

    path = f"/gateways/{lane[0]}/sensors/{lane[2]}/series"
    points = [{"value": "1", "time": 100}, {"value": "2", "time": 200}]
    assert demo.call("PUT", path, points).status_code == 200
    before = again()
    unknown = [{"value": "1", "time": 150}, {"value": "another", "time": 200}, {"value": "3", "time": 300}]
    assert demo.call("PUT", path, unknown).status_code == 400
    assert again() == before
    assert demo.call("PUT", path, [*points, {"value": "3", "time": 300}]).status_code == 400
    assert again() == before + 2


@pytest.mark.parametrize(
    "body",
    [
        {"value": "ON"},
        {},
        {"value": "on", "validDuration": "450"},
        {"value": "on", "validDuration": 0},
        {"value": "on"},
        {"validDuration": 450},
        {"value": "on", "validDuration": None},
        {"value": "on", "timeout": None},
        {"value": "on", "timeout": "90"},
        {"value": "on", "validDuration": 1, "timeout": 1},
        {"value": 1, "validDuration": 450},
        {"value": "on", "validDuration": 1.5},
        {"value": "on", "validDuration": True},
        {"value": "on", "more": 1},
    ],
)
def test_a_status_is_refused(demo: Tenant, lane: tuple[str, str, str], body: Any) -> None:
    for path in (f"/gateways/{lane[0]}/status", f"/gateways/{lane[0]}/sensors/{lane[2]}/status"):
        assert refusal(demo.call("PUT", path, body)) == SCHEMA
        assert "status" not in demo.ok("GET", path)


def test_the_first_gateway_status_answers_with_the_gateway(demo: Tenant) -> None:
    gateway = demo.gateway()
    first = demo.ok("PUT", f"/gateways/{gateway}/status", {"value": "on", "validDuration": 60})
    assert first["id"] == gateway
    assert first["status"] == demo.ok("GET", f"/gateways/{gateway}/status")["status"]["id"]
    second = demo.ok("PUT", f"/gateways/{gateway}/status", {"value": "on", "validDuration": 60})
    assert (second["id"], second["gateway"]) == (first["status"], gateway)


def test_nested_registration_is_201_when_all_and_207_when_some(demo: Tenant) -> None:
    device = {"reqId": new_id(), "name": "d", "model": "open-api-device-v1.0"}
    good = new_sensor(device["reqId"])
    complete = demo.call("POST", "/registerGateway", gateway_body(devices=[device], sensors=[good]))
    assert complete.status_code == 201
    device, bad = device | {"reqId": new_id()}, new_sensor("nowhere")
    good = new_sensor(device["reqId"])
    part = demo.call("POST", "/registerGateway", gateway_body(devices=[device], sensors=[good, bad]))
    assert part.status_code == 207
    said = part.json()
    assert (said["statusCode"], said["message"]) == (207, "Multi-Status")
    assert [each["id"] for each in said["data"]["sensors"]] == [good["reqId"]]
    assert said["errors"][0]["code"] == "NOT_FOUND"
    assert bad["reqId"] in said["errors"][0]["message"]
    found = demo.ok("GET", f"/gateways/{said['data']['id']}/sensors")
    assert [each["id"] for each in found] == [good["reqId"]]


def tenant_trial(url: str, client: str, secret: str) -> Tenant:
    tenant = Tenant(url, "trialadmin", "trial-password", client, secret, "4", ("", ""))
    tenant.login()
    return tenant


def test_over_the_plan_is_471(url: str) -> None:
    trial = tenant_trial(url, "trialClientId", "trial-client-secret")
    try:
        gateway = trial.gateway()
        trial.gateway()
        body = gateway_body(siteId="4")
        assert refusal(trial.call("POST", "/registerGateway", body)) == (471, "BILLING")
        device = trial.device(gateway)
        for _ in range(20):
            trial.sensor(gateway, device)
        over = trial.call("POST", f"/gateways/{gateway}/sensors", new_sensor(device))
        assert refusal(over) == (471, "BILLING")
    finally:
        trial.http.close()


def test_a_scope_that_is_missing_is_acl_deny(url: str) -> None:
    reader = tenant_trial(url, "readerClientId", "reader-client-secret")
    try:
        assert reader.call("GET", "/gateways").status_code == 200
        assert refusal(reader.call("GET", "/sites")) == (403, "ACL_DENY")
        assert refusal(reader.call("POST", "/registerGateway", gateway_body())) == (403, "ACL_DENY")
        for method, path in (("PUT", "/gateways/x"), ("DELETE", "/gateways/x"), ("GET", "/users/me")):
            assert refusal(reader.call(method, path, {})) == (403, "ACL_DENY")
    finally:
        reader.http.close()


def test_unknown_paths_and_methods(demo: Tenant) -> None:
    assert refusal(demo.call("GET", "/nowhere")) == MISSING
    for path in ("/gateways", "/gateways/", "/gateways/x/devices", "/gateways/x/sensors/"):
        for method in ("PUT", "DELETE"):
            assert refusal(demo.call(method, path, {})) == MISSING
    answer = demo.call("POST", "/sites")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"


def test_what_is_exempt_says_why_in_the_words_of_the_manual(demo: Tenant) -> None:
    manual = (Path(__file__).parents[3] / "docs/get-started/sandbox.md").read_text()
    assert {"/rules", "/tags", "/timelines", "/pushDevices", "/controlActuator"} <= EXEMPT.keys()
    for path, reason in EXEMPT.items():
        assert f"| `{path}` | exempt, because {reason} |" in manual
        for method, tail in (("GET", ""), ("POST", ""), ("PUT", "/x"), ("DELETE", "/x/")):
            answer = demo.call(method, path + tail, {})
            assert refusal(answer) == MISSING
            assert reason in answer.json()["errors"][0]["message"]
        other = demo.call("GET", f"{path}more")
        assert refusal(other) == MISSING
        assert reason not in other.json()["errors"][0]["message"]


def test_a_body_that_is_too_large_is_refused(demo: Tenant, lane: tuple[str, str, str]) -> None:
    body = [{"value": "1" * 1000, "time": at} for at in range(5000)]
    answer = demo.call("PUT", f"/gateways/{lane[0]}/sensors/{lane[2]}/series", body)
    assert answer.status_code == 413


def test_older_names_of_fields_and_paths_work(demo: Tenant) -> None:
    name = new_id()
    params = {"siteId": "1", "model": "52", "name": "older"}
    assert demo.ok("POST", "/registerGateway", {"id": name, "params": params})["id"] == name
    assert demo.ok("PUT", f"/gateways/{name}/status", {"value": "on", "timeout": 60})["id"] == name
    for one, other in ((new_id(), new_id()), ("same", "same")):
        both = {"id": one, "reqId": other, "params": params}
        assert refusal(demo.call("POST", "/registerGateway", both)) == SCHEMA
    login = {"loginId": demo.username, "password": demo.credentials()["password"]}
    with requests.Session() as browser:
        browser.post(f"{demo.url}/v2/login", json=login, timeout=10)
        client = {"id": new_id(), "name": "older", "clientSecret": "s", "scopes": ["gateway"]}
        made = browser.post(f"{demo.url}/v2/oauth2/authClients", json=client, timeout=10)
        assert made.status_code == 201
        again = browser.post(f"{demo.url}/v2/authClients", json=client, timeout=10)
        assert refusal(again) == (409, "CONFLICT")
