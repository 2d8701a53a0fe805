"""Entities change and end by PUT and DELETE, and take fields that the guide does not print (Thing+'s swagger)."""

from typing import Any

import pytest
import requests
from guide_client import Tenant, new_id, new_sensor

MODEL = "open-api-device-v1.0"
SCHEMA = (400, "SCHEMA_VALIDATE")
MISMATCH = (400, "MISMATCH_ERROR")
MISSING = (404, "NOT_FOUND")
Lane = tuple[str, str, str]


@pytest.fixture
def lane(demo: Tenant) -> Lane:
    gateway = demo.gateway()
    device = demo.device(gateway)
    return gateway, device, demo.sensor(gateway, device)


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def paths(lane: Lane) -> dict[str, str]:
    gateway, device, sensor = lane
    root = f"/gateways/{gateway}"
    return {"gateway": root, "device": f"{root}/devices/{device}", "sensor": f"{root}/sensors/{sensor}"}


EXTRA: dict[str, Any] = {
    "deviceModels": [{"id": "d-1", "model": MODEL}],
    "virtual": "y",
    "location": {"latitude": 37.5, "longitude": 127.0},
    "delegate": "n",
    "autoCreateDiscoverable": "y",
    "customFields": {"floor": "3"},
}


def test_register_gateway_takes_more_fields_than_the_guide_prints_and_shows_them(demo: Tenant) -> None:
    body = {"reqId": new_id(), "params": {"siteId": "1", "model": "52", "name": "g"} | EXTRA}
    made = demo.ok("POST", "/registerGateway", body)
    read = demo.ok("GET", f"/gateways/{body['reqId']}")
    for shown in (made, read):
        assert {key: shown.get(key) for key in EXTRA} == EXTRA


@pytest.mark.parametrize(
    "changed",
    [{"virtual": "yes"}, {"virtual": True}, {"location": "here"}, {"deviceModels": [{"id": "d-1"}]},
     {"deviceModels": "x"}, {"customFields": []}, {"delegate": 1}, {"autoCreateDiscoverable": None}],
)  # fmt: skip
def test_a_field_beyond_the_guides_is_held_to_its_schema(demo: Tenant, changed: dict[str, Any]) -> None:
    params = {"siteId": "1", "model": "52", "name": "g"} | changed
    answer = demo.call("POST", "/registerGateway", {"reqId": new_id(), "params": params})
    assert refusal(answer) == SCHEMA


def test_a_sensor_takes_network_virtual_and_sequence(demo: Tenant, lane: Lane) -> None:
    extra = {"network": "daliworks", "virtual": "y", "sequence": "1"}
    body = new_sensor(lane[1]) | extra
    made = demo.ok("POST", f"/gateways/{lane[0]}/sensors", body)
    read = demo.ok("GET", f"/gateways/{lane[0]}/sensors/{body['reqId']}")
    for shown in (made, read):
        assert {key: shown.get(key) for key in extra} == extra


def test_several_drivers_in_one_device_model(demo: Tenant) -> None:
    """The guide's model has one driver; model 32 shows two, each with sensors of its own."""
    model = demo.ok("GET", "/gatewayModels/32")["deviceModels"][0]
    drivers = {each["driverName"] for each in model["sensors"]}
    assert drivers == {"daliworksWeather", "daliworksEmulator"}
    device = new_id()
    sensors = [
        new_sensor(device, **{key: each[key] for key in ("type", "model", "driverName", "network")})
        for each in model["sensors"]
    ]
    devices = [{"reqId": device, "name": "d", "model": model["id"]}]
    params = {"siteId": "1", "model": "32", "name": "g", "devices": devices, "sensors": sensors}
    answer = demo.call("POST", "/registerGateway", {"reqId": new_id(), "params": params})
    assert answer.status_code == 201, answer.text
    one = next(each for each in sensors if each["model"] == "temperatureDaliworks")
    other = one | {"reqId": new_id(), "driverName": "daliworksEmulator"}
    at = f"/gateways/{answer.json()['data']['id']}/sensors"
    assert refusal(demo.call("POST", at, other)) == MISMATCH


CHANGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("gateway", {"name": "Renamed"}, {"name": "Renamed"}),
    ("gateway", {"reportInterval": 60_000}, {"reportInterval": "60000"}),
    ("gateway", {"reportInterval": "90000"}, {"reportInterval": "90000"}),
    ("gateway", {"desc": "roof", "location": {"latitude": 1}}, {"desc": "roof", "location": {"latitude": 1}}),
    ("device", {"name": "Renamed"}, {"name": "Renamed"}),
    ("sensor", {"name": "Renamed", "sequence": "2"}, {"name": "Renamed", "sequence": "2"}),
    ("sensor", {"type": "humidity", "model": "openApiHumi"}, {"type": "humidity", "model": "openApiHumi"}),
]


@pytest.mark.parametrize(("kind", "body", "shown"), CHANGES)
def test_a_put_answers_200_with_the_changed_entity(
    demo: Tenant, lane: Lane, kind: str, body: dict[str, Any], shown: dict[str, Any]
) -> None:
    path = paths(lane)[kind]
    before = demo.ok("GET", path)
    answer = demo.call("PUT", path, body)
    assert answer.status_code == 200
    after = demo.ok("GET", path)
    assert answer.json()["data"] == after
    assert {key: after[key] for key in shown} == shown
    untouched = before.keys() - shown.keys() - {"mtime"}
    assert {key: after[key] for key in untouched} == {key: before[key] for key in untouched}


@pytest.mark.parametrize("kind", ["gateway", "device", "sensor"])
def test_the_entity_as_it_was_read_may_be_sent_back(demo: Tenant, lane: Lane, kind: str) -> None:
    gateway, _, sensor = lane
    for at in (f"/gateways/{gateway}", f"/gateways/{gateway}/sensors/{sensor}"):
        for _ in range(2):
            demo.ok("PUT", f"{at}/status", {"value": "on", "validDuration": 60})
    demo.ok("PUT", f"/gateways/{gateway}/sensors/{sensor}/series", {"value": "1", "time": 1})
    path = paths(lane)[kind]
    as_read = demo.ok("GET", path)
    changed = demo.ok("PUT", path, as_read | {"name": "Renamed"})
    assert changed | {"mtime": ""} == as_read | {"name": "Renamed", "mtime": ""}
    embed = {"gateway": "?embed=devices,sensors,status", "sensor": "?embed=status,series"}.get(kind, "")
    demo.ok("PUT", path, demo.ok("GET", path + embed))
    assert demo.ok("GET", path) | {"mtime": ""} == as_read | {"name": "Renamed", "mtime": ""}


REFUSED: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("gateway", {"id": "another"}, MISMATCH),
    ("gateway", {"_site": "2"}, MISMATCH),
    ("gateway", {"model": "nonsense"}, MISSING),
    ("gateway", {"model": "6"}, MISMATCH),
    ("gateway", {"reportInterval": 59_999}, SCHEMA),
    ("gateway", {"reportInterval": "59999"}, SCHEMA),
    ("gateway", {"reportInterval": "often"}, SCHEMA),
    ("gateway", {"name": ""}, SCHEMA),
    ("gateway", {"more": 1}, SCHEMA),
    ("device", {"owner": "another"}, MISMATCH),
    ("device", {"model": "nonsense"}, MISSING),
    ("device", {"more": 1}, SCHEMA),
    ("sensor", {"type": "humidity"}, MISMATCH),
    ("sensor", {"deviceId": "nowhere"}, MISSING),
    ("sensor", {"owner": "another"}, MISMATCH),
    ("sensor", {"more": 1}, SCHEMA),
]


@pytest.mark.parametrize(("kind", "body", "expected"), REFUSED)
def test_a_put_that_is_refused_changes_nothing(
    demo: Tenant, lane: Lane, kind: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    path = paths(lane)[kind]
    before = demo.ok("GET", path)
    assert refusal(demo.call("PUT", path, body)) == expected
    assert demo.ok("GET", path) == before


def test_a_delete_is_204_without_a_body_and_takes_what_is_inside(demo: Tenant, lane: Lane) -> None:
    at = paths(lane)
    other = demo.device(lane[0])
    kept = demo.sensor(lane[0], other)

    def gone(path: str) -> None:
        answer = demo.call("DELETE", path)
        assert (answer.status_code, answer.content) == (204, b"")
        for method in ("GET", "DELETE"):
            assert refusal(demo.call(method, path)) == MISSING

    gone(at["device"])
    assert refusal(demo.call("GET", at["sensor"])) == MISSING
    assert [each["id"] for each in demo.ok("GET", f"{at['gateway']}/sensors")] == [kept]
    gone(f"{at['gateway']}/sensors/{kept}")
    gone(at["gateway"])
    assert refusal(demo.call("GET", f"{at['gateway']}/devices")) == MISSING


def test_the_series_of_a_sensor_ends_with_it(demo: Tenant, lane: Lane) -> None:
    """The same id made again starts anew: an older time is no past one."""
    at = paths(lane)["sensor"]
    demo.ok("PUT", f"{at}/series", {"value": "1", "time": 9})
    demo.call("DELETE", at)
    demo.ok("POST", f"/gateways/{lane[0]}/sensors", new_sensor(lane[1], reqId=lane[2]))
    assert demo.call("PUT", f"{at}/series", {"value": "2", "time": 1}).status_code == 200
