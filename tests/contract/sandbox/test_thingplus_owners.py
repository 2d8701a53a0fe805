"""Who owns what: ids that are unique in all of Thing+, other tenants' entities, plans, and what is looked at first.

The guide shows no refusal; each sentence of Daliworks' public test suite and swagger has a test here.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from guide_client import Tenant, new_id, new_sensor, sites_at

DENIED = (403, "ACCESSGROUP_DENY")
CONFLICT = (409, "CONFLICT")
BILLING = (471, "BILLING")
SCHEMA = (400, "SCHEMA_VALIDATE")
MISSING = (404, "NOT_FOUND")
MODEL = "open-api-device-v1.0"
POINT = {"value": "36.5", "time": 1495715734508}
STATUS = {"value": "on", "validDuration": 60}
Lane = tuple[str, str, str]


def lane_of(tenant: Tenant) -> Lane:
    gateway = tenant.gateway()
    device = tenant.device(gateway)
    return gateway, device, tenant.sensor(gateway, device)


@pytest.fixture(scope="module")
def mine(demo: Tenant) -> Lane:
    return lane_of(demo)


@pytest.fixture(scope="module")
def theirs(other: Tenant) -> Lane:
    return lane_of(other)


@pytest.fixture
def small(url: str) -> Iterator[Tenant]:
    """At a site whose plan is one gateway and one sensor, in a tenant that may have many."""
    tenant = sites_at(url, "6")
    tenant.login()
    for gateway in tenant.ok("GET", "/gateways"):
        tenant.call("DELETE", f"/gateways/{gateway['id']}")
    yield tenant
    tenant.http.close()


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def device_body(name: str, **changed: str) -> dict[str, str]:
    return {"reqId": name, "name": "d", "model": MODEL} | changed


def nested(site: str, device: str, *sensors: dict[str, str]) -> dict[str, Any]:
    params = {"siteId": site, "model": "52", "name": "g", "devices": [device_body(device)]}
    return {"reqId": new_id(), "params": params | {"sensors": list(sensors)}}


def test_a_device_or_sensor_id_that_exists_anywhere_is_a_conflict(
    demo: Tenant, mine: Lane, theirs: Lane
) -> None:
    for taken in (mine, theirs):
        gateway = demo.gateway()
        own = demo.device(gateway)
        answer = demo.call("POST", f"/gateways/{gateway}/devices", device_body(taken[1]))
        assert refusal(answer) == CONFLICT
        answer = demo.call("POST", f"/gateways/{gateway}/sensors", new_sensor(own, reqId=taken[2]))
        assert refusal(answer) == CONFLICT


def test_an_id_that_exists_anywhere_is_a_conflict_among_the_parts_of_a_new_gateway(
    demo: Tenant, theirs: Lane
) -> None:
    """207, with what was made in `data` and the refused part in `errors`."""
    good = new_id()
    cases: list[tuple[dict[str, Any], tuple[list[str], list[str]]]] = [
        (nested("1", theirs[1]), ([], [])),
        (nested("1", good, new_sensor(good, reqId=theirs[2])), ([good], [])),
    ]
    for body, made in cases:
        answer = demo.call("POST", "/registerGateway", body)
        assert refusal(answer) == (207, "CONFLICT")
        data = answer.json()["data"]
        shown = tuple([each["id"] for each in data.get(part, [])] for part in ("devices", "sensors"))
        assert (data["id"], shown) == (body["reqId"], made)


def test_an_id_is_free_again_when_its_entity_was_removed(demo: Tenant) -> None:
    gateway, device, sensor = lane_of(demo)
    demo.call("DELETE", f"/gateways/{gateway}/sensors/{sensor}")
    demo.call("DELETE", f"/gateways/{gateway}/devices/{device}")
    elsewhere = demo.gateway()
    demo.ok("POST", f"/gateways/{elsewhere}/devices", device_body(device))
    demo.ok("POST", f"/gateways/{elsewhere}/sensors", new_sensor(device, reqId=sensor))


OWN_GATEWAY: list[tuple[str, str, Any]] = [
    ("GET", "/devices/{device}", None),
    ("PUT", "/devices/{device}", {"name": "n"}),
    ("DELETE", "/devices/{device}", None),
    ("GET", "/sensors/{sensor}", None),
    ("PUT", "/sensors/{sensor}", {"name": "n"}),
    ("DELETE", "/sensors/{sensor}", None),
    ("GET", "/sensors/{sensor}/status", None),
    ("PUT", "/sensors/{sensor}/status", STATUS),
    ("GET", "/sensors/{sensor}/series", None),
    ("PUT", "/sensors/{sensor}/series", POINT),
]


@pytest.mark.parametrize(("method", "path", "body"), OWN_GATEWAY)
def test_below_ones_own_gateway_another_tenants_id_is_denied_and_a_bogus_one_missing(
    demo: Tenant, mine: Lane, theirs: Lane, method: str, path: str, body: Any
) -> None:
    at = f"/gateways/{mine[0]}" + path.format(device=theirs[1], sensor=theirs[2])
    assert refusal(demo.call(method, at, body)) == DENIED
    at = f"/gateways/{mine[0]}" + path.format(device=new_id(), sensor=new_id())
    assert refusal(demo.call(method, at, body)) == MISSING


def test_a_sensor_may_not_be_put_on_another_tenants_device(demo: Tenant, mine: Lane, theirs: Lane) -> None:
    answer = demo.call("POST", f"/gateways/{mine[0]}/sensors", new_sensor(theirs[1]))
    assert refusal(answer) == DENIED
    answer = demo.call("PUT", f"/gateways/{mine[0]}/sensors/{mine[2]}", {"deviceId": theirs[1]})
    assert refusal(answer) == DENIED


def test_another_tenants_site_is_denied_and_a_bogus_one_missing(demo: Tenant, other: Tenant) -> None:
    params = {"model": "52", "name": "g"}
    for site, expected in ((other.site, DENIED), ("nowhere", MISSING)):
        body = {"reqId": new_id(), "params": params | {"siteId": site}}
        assert refusal(demo.call("POST", "/registerGateway", body)) == expected
        assert refusal(demo.call("GET", f"/sites/{site}")) == expected


def test_the_plan_of_a_site_counts_beside_the_tenants(small: Tenant) -> None:
    device = new_id()
    first = nested("6", device, new_sensor(device), new_sensor(device))
    answer = small.call("POST", "/registerGateway", first)
    assert refusal(answer) == (207, "BILLING")
    assert len(answer.json()["data"]["sensors"]) == 1
    at = f"/gateways/{first['reqId']}"
    assert refusal(small.call("POST", f"{at}/sensors", new_sensor(device))) == BILLING
    assert refusal(small.call("POST", "/registerGateway", nested("6", new_id()))) == BILLING
    assert small.call("POST", "/registerGateway", nested("5", new_id())).status_code == 201
    small.call("DELETE", at)
    assert small.call("POST", "/registerGateway", nested("6", new_id())).status_code == 201


BAD_SENSORS: list[dict[str, Any]] = [
    {"reqId": None},
    {"reqId": 1},
    {"name": 1},
    {"name": ""},
    {"type": None},
    {"driverName": 1},
    {"model": None},
    {"category": "nonsense"},
    {"network": 1},
    {"virtual": "yes"},
    {"sequence": 1},
    {"more": "1"},
]


@pytest.mark.parametrize("changed", BAD_SENSORS)
@pytest.mark.parametrize("whose", ["nobody", "theirs"])
def test_a_sensors_schema_is_looked_at_before_its_device(
    demo: Tenant, mine: Lane, theirs: Lane, changed: dict[str, Any], whose: str
) -> None:
    device = theirs[1] if whose == "theirs" else new_id()
    body = new_sensor(device) | changed
    assert refusal(demo.call("POST", f"/gateways/{mine[0]}/sensors", body)) == SCHEMA
    without = {key: value for key, value in new_sensor(device).items() if key != "reqId"}
    assert refusal(demo.call("POST", f"/gateways/{mine[0]}/sensors", without)) == SCHEMA


SCHEMAS_FIRST: list[tuple[str, str, Any]] = [
    ("POST", "/registerGateway", {"params": {"siteId": "nowhere", "model": "none", "name": "g"}}),
    ("POST", "/gateways/nowhere/devices", {"name": "d", "model": "none"}),
    ("POST", "/gateways/nowhere/sensors", {}),
    ("PUT", "/gateways/nowhere", {"name": 1}),
    ("PUT", "/gateways/nowhere/devices/d", {"more": 1}),
    ("PUT", "/gateways/nowhere/sensors/s", {"name": ""}),
    ("PUT", "/gateways/nowhere/status", {"value": "on"}),
    ("PUT", "/gateways/nowhere/sensors/s/status", {"value": "on"}),
    ("PUT", "/gateways/nowhere/sensors/s/series", {"value": 1, "time": 1}),
]


@pytest.mark.parametrize(("method", "path", "body"), SCHEMAS_FIRST)
def test_a_bodys_schema_is_looked_at_before_what_the_path_names(
    demo: Tenant, method: str, path: str, body: Any
) -> None:
    assert refusal(demo.call(method, path, body)) == SCHEMA
