"""How entities are read: leaves and parents, deep `embed`, filters, `_meta`, catalogues.

Where the guide prints something else, the test says which one won.
"""

from typing import Any

import pytest
import requests
from guide_client import Tenant, new_id, new_sensor

STATUS = {"value": "on", "validDuration": 60}
T = 1_439_342_348_315
Lane = tuple[str, str, str]


@pytest.fixture(scope="module")
def lane(demo: Tenant) -> Lane:
    gateway = demo.gateway()
    device = demo.device(gateway)
    sensor = demo.sensor(gateway, device)
    at = f"/gateways/{gateway}/sensors/{sensor}"
    demo.ok("PUT", f"{at}/status", STATUS)
    demo.ok("PUT", f"{at}/series", [{"value": "1.5", "time": T}, {"value": "2.5", "time": T + 1}])
    demo.ok("PUT", f"/gateways/{gateway}/status", STATUS)
    return gateway, device, sensor


def test_a_device_is_answered_with_a_device_against_the_guides_6_1(demo: Tenant) -> None:
    """The public client won: the guide prints a gateway's body there."""
    gateway, name = demo.gateway(), new_id()
    body = {"reqId": name, "name": "d", "model": "open-api-device-v1.0"}
    made = demo.ok("POST", f"/gateways/{gateway}/devices", body)
    assert made.keys() == {"name", "model", "owner", "mtime", "ctime", "id"}
    assert (made["owner"], made["id"]) == (gateway, name)


def test_the_first_series_is_answered_with_the_sensor_and_later_ones_with_the_leaf(demo: Tenant) -> None:
    """Both of the guide's 9.1 are true: it prints the first without an array, the second with one."""
    gateway = demo.gateway()
    sensor = demo.sensor(gateway, demo.device(gateway))
    path = f"/gateways/{gateway}/sensors/{sensor}/series"
    first = demo.ok("PUT", path, [{"value": "1", "time": 1}, {"value": "2", "time": 2}])
    assert (first["id"], first["deviceId"] != "", "seriesPack" in first) == (sensor, True, False)
    second = demo.ok("PUT", path, {"value": "3", "time": 3})
    assert (second["id"], second["srcDbType"], "seriesPack" in second) == (first["series"], "sensor", False)
    assert second["id"].startswith("series.")


def test_in_a_leaf_status_and_series_are_the_owners_id_and_owner_is_the_gateway(
    demo: Tenant, lane: Lane
) -> None:
    gateway, _, sensor = lane
    at = f"/gateways/{gateway}/sensors/{sensor}"
    leaf = demo.ok("PUT", f"{at}/status", STATUS)
    assert (leaf["status"], leaf["sensor"], leaf["owner"]) == (sensor, sensor, gateway)
    leaf = demo.ok("GET", f"{at}/series")["series"]
    assert (leaf["series"], leaf["sensor"], leaf["owner"]) == (sensor, sensor, gateway)
    leaf = demo.ok("GET", f"/gateways/{gateway}/status")["status"]
    assert (leaf["status"], leaf["gateway"], leaf["owner"]) == (gateway, gateway, gateway)
    parent = demo.ok("GET", at)
    assert (parent["status"][:14], parent["series"][:14]) == ("status.sensor.", "series.sensor.")


def test_a_status_is_read_as_the_parent_with_the_leaf_embedded(demo: Tenant, lane: Lane) -> None:
    gateway, _, sensor = lane
    for at, kind in (
        (f"/gateways/{gateway}", "gateway"),
        (f"/gateways/{gateway}/sensors/{sensor}", "sensor"),
    ):
        parent, shown = demo.ok("GET", at), demo.ok("GET", f"{at}/status")
        leaf = shown.pop("status")
        assert (leaf["type"], leaf["srcDbType"], leaf["value"]) == ("status", kind, "on")
        assert leaf["id"] == parent.pop("status")
        assert shown == parent


def test_before_the_first_status_the_parent_has_none(demo: Tenant) -> None:
    gateway = demo.gateway()
    sensor = demo.sensor(gateway, demo.device(gateway))
    for at in (f"/gateways/{gateway}", f"/gateways/{gateway}/sensors/{sensor}"):
        assert "status" not in demo.ok("GET", f"{at}/status")


@pytest.mark.parametrize("duration", [{"validDuration": 450}, {"timeout": 450}])
def test_valid_duration_may_be_called_timeout(demo: Tenant, lane: Lane, duration: dict[str, int]) -> None:
    leaf = demo.ok("PUT", f"/gateways/{lane[0]}/sensors/{lane[2]}/status", {"value": "on"} | duration)
    assert int(leaf["expireAt"]) - int(leaf["time"]) == 450_000


def test_a_gateway_shows_ids_of_devices_and_sensors_and_device_models_unasked(
    demo: Tenant, lane: Lane
) -> None:
    for shown in (
        demo.ok("GET", f"/gateways/{lane[0]}"),
        demo.ok("GET", f"/gateways?filter[id]={lane[0]}")[0],
    ):
        assert (shown["devices"], shown["sensors"]) == ([lane[1]], [lane[2]])
        assert shown["deviceModels"] == [{"id": lane[1], "model": "open-api-device-v1.0"}]


def test_lists_embed_deeply(demo: Tenant, lane: Lane) -> None:
    query = (
        f"filter[id]={lane[0]}&embed=devices&embed=sensors&sensors[embed]=status&sensors[embed]=series"
        "&sensors[series][dataStart]=2015-08-12T01:19:08.316Z&sensors[series][interval]=0&sensors[fields]=name"
    )
    shown = demo.ok("GET", f"/gateways?{query}")[0]
    assert [each["name"] for each in shown["devices"]] == ["Open Gateway Device 1"]
    sensor = shown["sensors"][0]
    assert sensor.keys() == {"id", "name", "status", "series"}
    assert (sensor["status"]["value"], sensor["series"]["value"]) == ("on", "2.5")
    assert sensor["series"]["data"] == ["2.5", T + 1]
    assert sensor["series"]["_meta"]["count"] == 1
    one = demo.ok("GET", f"/gateways/{lane[0]}?embed=sensors&sensors[embed]=series")
    assert one["sensors"][0]["series"]["value"] == "2.5"


def test_the_same_filter_twice_is_or_and_two_filters_are_and(demo: Tenant) -> None:
    gateway = demo.gateway()
    device = demo.device(gateway)
    made = [demo.sensor(gateway, device, name=name) for name in ("a", "b", "b")]

    def found(query: str) -> set[str]:
        return {each["id"] for each in demo.ok("GET", f"/gateways/{gateway}/sensors?{query}")}

    assert found(f"filter[id]={made[0]}&filter[id]={made[1]}") == set(made[:2])
    assert found(f"filter[id]={made[0]}&filter[id]={made[1]}&filter[name]=b") == {made[1]}
    assert found(f"filter[id]={made[0]}&filter[id]=nowhere") == {made[0]}
    assert found("filter[nothing]=x") == set()


def test_meta_counts_what_was_retrieved_and_what_there_is(demo: Tenant, lane: Lane) -> None:
    for path in ("/gateways", "/gatewayModels", "/sensorTypes", f"/gateways/{lane[0]}/devices"):
        said = demo.call("GET", f"{path}?count=1").json()
        everything = demo.call("GET", path).json()
        assert said["_meta"]["count"] == len(said["data"]) == 1
        assert said["_meta"]["total"] == everything["_meta"]["total"] == len(everything["data"])


def test_sensor_types_are_public_and_say_which_values_are_numbers(url: str, demo: Tenant) -> None:
    types = {
        each["id"]: each
        for each in requests.get(f"{url}/v2/sensorTypes?count=4000", timeout=10).json()["data"]
    }
    assert {"accelerometer", "airConditioner", "temperature", "7colorRGBLed"} <= types.keys()
    assert (types["temperature"]["type"], types["string"]["type"]) == ("number", "string")
    one = requests.get(f"{url}/v2/sensorTypes/temperature", timeout=10).json()["data"]
    assert one == types["temperature"]
    of_model_52 = {each["type"] for each in demo.ok("GET", "/gatewayModels/52")["deviceModels"][0]["sensors"]}
    assert of_model_52 <= types.keys()
    missing = requests.get(f"{url}/v2/sensorTypes/nonsense", timeout=10)
    assert (missing.status_code, missing.json()["errors"][0]["code"]) == (404, "NOT_FOUND")


def test_a_value_is_held_to_its_sensors_type(demo: Tenant) -> None:
    """What is proper to a type is documented nowhere: the choice is what /sensorTypes says."""
    gateway = demo.gateway()
    device = demo.device(gateway)
    for kind, model, good, bad in (
        ("temperature", "openApiTemp", "36.5", "warm"),
        ("onoff", "openApiOnoff", "on", "maybe"),
        ("location", "openApiLocation", {"latitude": 1}, "here"),
        ("string", "openApiString", "anything", {"text": 1}),
    ):
        body = new_sensor(device, type=kind, model=model)
        demo.ok("POST", f"/gateways/{gateway}/sensors", body)
        path = f"/gateways/{gateway}/sensors/{body['reqId']}/series"
        values: list[tuple[Any, int]] = [(bad, 400), (good, 200)]
        for value, status in values:
            assert demo.call("PUT", path, {"value": value, "time": 1}).status_code == status
