"""How series are read back: the documented query, and every shape that was seen in public."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from guide_client import Tenant

START = 1_439_342_340_000
"""2015-08-12T01:19:00Z, in Unix ms."""
POINTS = [("36.50", 0), ("36.6", 30_000), ("37", 60_000), ("-1e1", 125_000)]
STORED = [{"value": value, "time": START + offset} for value, offset in POINTS]
FROM = "dataStart=2015-08-12T01:19:00Z"
LEAF = {
    "type": "series",
    "srcType": "temperature",
    "srcCategory": "sensor",
    "srcDbType": "sensor",
    "time": str(START + 125_000),
    "value": "-1e1",
}


@pytest.fixture(scope="module")
def lane(demo: Tenant) -> tuple[str, str]:
    gateway = demo.gateway()
    sensor = demo.sensor(gateway, demo.device(gateway))
    demo.ok("PUT", f"/gateways/{gateway}/sensors/{sensor}/series", STORED)
    return gateway, sensor


@pytest.fixture(autouse=True)
def documented(url: str) -> Iterator[None]:
    yield
    show(url, shape="sensor", values="stored", times="documented")


def show(url: str, **how: str) -> None:
    answer = requests.post(f"{url}/admin/series-format", json=how, timeout=10)
    assert answer.status_code == 200, answer.text


def read(demo: Tenant, lane: tuple[str, str], query: str = "") -> Any:
    return demo.ok("GET", f"/gateways/{lane[0]}/sensors/{lane[1]}/series{query and '?' + query}")


def leaf_fits(found: dict[str, Any], lane: tuple[str, str]) -> None:
    """In a leaf, `series` holds the sensor's id and `owner` the gateway's."""
    expected = LEAF | {"series": lane[1], "sensor": lane[1], "owner": lane[0]}
    assert {key: found[key] for key in expected} == expected
    assert found["id"].startswith("series.sensor.")
    assert found["mtime"].isdigit()
    assert found["ctime"].isdigit()


def test_without_a_range_the_sensor_is_answered_with_the_latest_value_embedded(
    demo: Tenant, lane: tuple[str, str]
) -> None:
    said = read(demo, lane)
    assert (said["id"], said["owner"], said["type"]) == (lane[1], lane[0], "temperature")
    leaf_fits(said["series"], lane)
    assert "data" not in said["series"]


def test_a_range_adds_pairs_and_their_meta_to_the_leaf(demo: Tenant, lane: tuple[str, str]) -> None:
    series = read(demo, lane, f"{FROM}&dataEnd=2015-08-12T01:21:05.000Z&interval=0")["series"]
    leaf_fits(series, lane)
    assert series["data"] == ["36.50", START, "36.6", START + 30_000, "37", START + 60_000]
    assert series["_meta"] == {
        "count": 3,
        "dataStart": START,
        "dataEnd": START + 125_000,
        "interval": "0",
    }


ENDS: list[tuple[str, list[int]]] = [
    (FROM, [0, 1, 2, 3]),
    ("dataStart=2015-08-12T01:19:00.001Z", [1, 2, 3]),
    ("dataStart=2015-08-12T01:18:59.9999Z", [0, 1, 2, 3]),
    (f"{FROM}&dataEnd=2015-08-12T01:19:30.000Z", [0]),
    (f"{FROM}&dataEnd=2015-08-12T01:19:30.001Z", [0, 1]),
    (f"{FROM}&dataEnd=2015-08-12T01:19:00Z", []),
    (f"{FROM}&dataEnd=2015-08-12T01:18:00Z", []),
    ("dataStart=2015-08-12T10:19:00.000%2B09:00&dataEnd=2015-08-12T10:19:30.000%2B09:00", [0]),
    ("dataStart=2015-08-11T17:19:00-0800&dataEnd=2015-08-11T17:19:30.000-08:00", [0]),
    ("dataStart=2015-08-12T03:00:00Z", []),
    (f"{FROM}&count=2", [0, 1]),
    ("dataStart=2015-08-12T01:19:30Z&count=1", [1]),
    ("dataStart=1970-01-01T00:00:00Z&count=10080", [0, 1, 2, 3]),
]


@pytest.mark.parametrize(("query", "indexes"), ENDS)
def test_the_start_is_included_and_the_end_is_not(
    demo: Tenant, lane: tuple[str, str], query: str, indexes: list[int]
) -> None:
    series = read(demo, lane, f"{query}&interval=0")["series"]
    assert series["data"][1::2] == [STORED[index]["time"] for index in indexes]
    assert series["_meta"]["count"] == len(indexes)


def test_a_range_that_was_cut_says_where_to_go_on(demo: Tenant, lane: tuple[str, str]) -> None:
    series = read(demo, lane, f"{FROM}&interval=0&count=2")["series"]
    assert (series["_meta"]["dataStart"], series["_meta"]["dataEnd"]) == (START, START + 60_000)


MEANS: list[tuple[str, list[Any], str]] = [
    ("", [36.55, START, 37.0, START + 60_000, -10.0, START + 120_000], "average"),
    ("&interval=1m&count=1", [36.55, START, 37.0, START + 60_000, -10.0, START + 120_000], "average"),
    ("&interval=3m", [(36.5 + 36.6 + 37) / 3, START - 60_000, -10.0, START + 120_000], "average"),
    ("&interval=1h&intervalFunc=sum", [36.5 + 36.6 + 37 - 10, START - 1_140_000], "sum"),
    ("&interval=1d&intervalFunc=count", [4, START - 4_740_000], "count"),
]


@pytest.mark.parametrize(("query", "data", "stat"), MEANS)
def test_unless_raw_data_is_asked_for_each_interval_has_one_value(
    demo: Tenant, lane: tuple[str, str], query: str, data: list[Any], stat: str
) -> None:
    series = read(demo, lane, f"{FROM}{query}")["series"]
    assert series["data"] == pytest.approx(data)
    interval = query.partition("interval=")[2].partition("&")[0] or "1m"
    expected = {"count": len(data) // 2, "stat": stat, "interval": interval}
    assert expected.items() <= series["_meta"].items()


def test_what_is_no_number_has_no_mean_but_a_last_value(demo: Tenant) -> None:
    gateway = demo.gateway()
    sensor = demo.sensor(gateway, demo.device(gateway), type="onoff", model="openApiOnoff")
    path = f"/gateways/{gateway}/sensors/{sensor}/series"
    demo.ok("PUT", path, [{"value": "on", "time": START}, {"value": "off", "time": START + 1}])
    series = demo.ok("GET", f"{path}?{FROM}")["series"]
    assert (series["data"], series["_meta"]["stat"]) == (["off", START], "last")


def test_at_most_10080_points_are_read_at_once(demo: Tenant) -> None:
    gateway = demo.gateway()
    sensor = demo.sensor(gateway, demo.device(gateway))
    path = f"/gateways/{gateway}/sensors/{sensor}/series"
    demo.ok("PUT", path, [{"value": "1", "time": START + offset} for offset in range(10_081)])
    series = demo.ok("GET", f"{path}?{FROM}&interval=0")["series"]
    assert series["_meta"]["count"] == 10_080
    assert series["_meta"]["dataEnd"] == START + 10_080


REFUSED = [
    "dataEnd=2015-08-12T01:19:00Z",
    "interval=0",
    "count=1",
    "intervalFunc=sum",
    "dataStart=",
    "dataStart=yesterday",
    "dataStart=2015-08-12",
    "dataStart=2015-08-12T01:19:00",
    "dataStart=2015-08-12T01:19:00 09:00",
    "dataStart=2015-13-12T01:19:00Z",
    f"{FROM}&{FROM}",
    f"{FROM}&dataEnd=x",
    f"{FROM}&interval=0m",
    f"{FROM}&interval=1s",
    f"{FROM}&interval=-1m",
    f"{FROM}&interval=",
    f"{FROM}&interval=999999d",
    f"{FROM}&intervalFunc=median",
    f"{FROM}&interval=0&count=0",
    f"{FROM}&interval=0&count=10081",
    f"{FROM}&interval=0&count=1e3",
    f"{FROM}&interval=0&count=" + "9" * 5000,
    f"{FROM}&page=1",
    f"dataStart={START}",
    f"dataStart={START}&dataEnd={START + 1}&interval=0",
    f"{FROM}&orderDir=desc",
    f"{FROM}&statFunc[id]=seriesStat",
    "more=1",
]


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: query[:60])
def test_a_query_that_thingplus_does_not_document_is_refused(
    demo: Tenant, lane: tuple[str, str], query: str
) -> None:
    answer = demo.call("GET", f"/gateways/{lane[0]}/sensors/{lane[1]}/series?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] in {"SCHEMA_VALIDATE", "INVALID_INPUT"}


def test_times_at_the_end_of_the_calendar_are_no_error(demo: Tenant, lane: tuple[str, str]) -> None:
    for query, count in (
        ("dataStart=0001-01-01T00:00:00%2B14:00&interval=0", 4),
        ("dataStart=9999-12-31T23:59:59.999999-14:00&interval=0", 0),
        (f"{FROM}&dataEnd=0001-01-01T00:00:00%2B14:00&interval=0", 0),
    ):
        assert read(demo, lane, query)["series"]["_meta"]["count"] == count


def test_a_sensor_without_a_value_has_an_empty_series_and_not_none(url: str, demo: Tenant) -> None:
    gateway = demo.gateway()
    sensor = demo.sensor(gateway, demo.device(gateway))
    path = f"/gateways/{gateway}/sensors/{sensor}/series"
    ranged = f"{path}?{FROM}&interval=0"
    assert demo.ok("GET", path)["series"] == {"data": [], "_meta": {"count": 0}}
    said = demo.ok("GET", ranged)["series"]
    assert (said["data"], said["_meta"]["count"], said["_meta"]["interval"]) == ([], 0, "0")
    show(url, shape="pairs")
    assert demo.ok("GET", path) == demo.ok("GET", ranged) == {"_meta": {"count": 0}, "data": []}
    show(url, shape="leaf")
    for query in (path, ranged):
        leaf = demo.ok("GET", query)
        assert (leaf["type"], leaf["series"], leaf["seriesPack"]) == ("series", sensor, [])
        assert not {"time", "value", "id"} & leaf.keys()


RAW = f"{FROM}&dataEnd=2015-08-12T01:19:30.001Z&interval=0"
FLAT: dict[tuple[str, str], list[Any]] = {
    ("stored", "documented"): ["36.50", START, "36.6", START + 30_000],
    ("number", "documented"): [36.5, START, 36.6, START + 30_000],
    ("stored", "string"): ["36.50", str(START), "36.6", str(START + 30_000)],
    ("number", "number"): [36.5, START, 36.6, START + 30_000],
}


@pytest.mark.parametrize(("values", "times"), FLAT)
@pytest.mark.parametrize("shape", ["sensor", "pairs", "leaf"])
def test_every_public_shape_can_be_had_with_values_and_times_of_either_type(
    url: str, demo: Tenant, lane: tuple[str, str], shape: str, values: str, times: str
) -> None:
    show(url, shape=shape, values=values, times=times)
    latest, ranged = read(demo, lane), read(demo, lane, RAW)
    flat = FLAT[values, times]
    value: Any = -10 if values == "number" else "-1e1"
    time: Any = START + 125_000 if times == "number" else str(START + 125_000)
    point_time: Any = str(START + 125_000) if times == "string" else START + 125_000

    if shape == "sensor":
        leaves = [latest["series"], ranged["series"]]
        assert ranged["series"]["data"] == flat
        assert ranged["series"]["_meta"]["count"] == 2
    elif shape == "pairs":
        leaves = [latest["latest"], ranged["latest"]]
        assert latest.keys() == ranged.keys() == {"_meta", "data", "latest"}
        assert (latest["_meta"], latest["data"]) == ({"count": 1}, [value, point_time])
        assert (ranged["_meta"], ranged["data"]) == ({"count": 2}, flat)
    else:
        leaves = [latest, ranged]
        assert latest["seriesPack"] == [{"value": value, "time": point_time}]
        assert [(point["value"], point["time"]) for point in ranged["seriesPack"]] == list(
            zip(flat[::2], flat[1::2], strict=True)
        )
    for leaf in leaves:
        assert (leaf["value"], leaf["time"]) == (value, time)
        assert (leaf["series"], leaf["owner"]) == (lane[1], lane[0])


def test_the_shape_can_be_read_back_and_nonsense_is_refused(url: str) -> None:
    show(url, shape="leaf", times="string")
    assert requests.get(f"{url}/admin/series-format", timeout=10).json() == {
        "shape": "leaf",
        "values": "stored",
        "times": "string",
    }
    nonsense: list[Any] = [{"shape": "round"}, {"more": 1}, []]
    for body in nonsense:
        answer = requests.post(f"{url}/admin/series-format", json=body, timeout=10)
        assert answer.status_code == 400
