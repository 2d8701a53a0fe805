"""Lists with all their options, and series by time range."""

import pytest
from guide_client import Tenant, new_sensor

MANY = 7


@pytest.fixture(scope="module")
def gateway(demo: Tenant) -> str:
    name = demo.gateway()
    device = demo.device(name)
    for index in range(MANY):
        kind = ("temperature", "openApiTemp") if index % 2 else ("humidity", "openApiHumi")
        body = new_sensor(device, reqId=f"s{index}", name=f"n{MANY - index}", type=kind[0], model=kind[1])
        demo.ok("POST", f"/gateways/{name}/sensors", body)
    demo.ok(
        "PUT", f"/gateways/{name}/sensors/s0/series", [{"value": "1", "time": 1}, {"value": "2", "time": 2}]
    )
    demo.ok("PUT", f"/gateways/{name}/sensors/s0/status", {"value": "on", "validDuration": 60})
    return name


def ids(demo: Tenant, path: str) -> list[str]:
    return [each["id"] for each in demo.ok("GET", path)]


def test_pages_hold_count_items_and_meta_says_how_many_and_of_how_many(demo: Tenant, gateway: str) -> None:
    path = f"/gateways/{gateway}/sensors?orderBy=id&count=3"
    pages = [ids(demo, f"{path}&page={page}") for page in range(4)]
    assert pages == [["s0", "s1", "s2"], ["s3", "s4", "s5"], ["s6"], []]
    for page, retrieved in enumerate((3, 3, 1, 0)):
        meta = demo.call("GET", f"{path}&page={page}").json()["_meta"]
        assert meta == {"count": retrieved, "page": page, "total": MANY}


def test_order_and_filter_and_fields(demo: Tenant, gateway: str) -> None:
    base = f"/gateways/{gateway}/sensors"
    assert ids(demo, f"{base}?orderBy=name&count=1") == ["s6"]
    assert ids(demo, f"{base}?orderBy=name&orderDir=desc&count=1") == ["s0"]
    assert ids(demo, f"{base}?orderBy=id&filter[type]=temperature") == ["s1", "s3", "s5"]
    assert ids(demo, f"{base}?filter[type]=temperature&filter[name]=n6") == ["s1"]
    one = demo.ok("GET", f"{base}?filter[id]=s1&fields=name&fields=type")
    assert one == [{"name": "n6", "type": "temperature", "id": "s1"}]


def test_embedded_status_and_series_are_leaves(demo: Tenant, gateway: str) -> None:
    sensor = demo.ok("GET", f"/gateways/{gateway}/sensors/s0?embed=status&embed=series")
    assert sensor["status"]["value"] == "on"
    assert sensor["series"]["value"] == "2"
    parent = demo.ok("GET", f"/gateways?filter[id]={gateway}&embed=devices,sensors")[0]
    assert (len(parent["devices"]), len(parent["sensors"])) == (1, MANY)


REFUSED: list[tuple[str, int]] = [
    ("count=0", 400),
    ("count=4001", 400),
    ("count=4000", 200),
    ("count=x", 400),
    ("page=-1", 400),
    ("orderDir=up", 400),
    ("embed=nonsense", 400),
    ("more=1", 400),
]


@pytest.mark.parametrize(("query", "status"), REFUSED)
def test_options_out_of_bounds_are_refused(demo: Tenant, gateway: str, query: str, status: int) -> None:
    assert demo.call("GET", f"/gateways/{gateway}/sensors?{query}").status_code == status
