"""The documented query against the sandbox, in each shape that public sources show: one and many points, and none."""

from itertools import product

import httpx2
import pytest

from ferry.clouds.thingplus.series import read_series, series_query
from harness.services import bearer

T = 1_439_342_348_315
SHAPES = list(product(["sensor", "pairs", "leaf"], ["stored", "number"], ["documented", "string", "number"]))


@pytest.fixture
async def path(sandbox):
    """The path of the series of a sensor that never had a value, beneath the API's root."""
    headers = {"Authorization": f"Bearer {await bearer(sandbox)}"}
    sensor = {"reqId": "s", "name": "s", "type": "temperature", "model": "openApiTemp", "category": "sensor"}
    params = {
        "siteId": "1",
        "model": "52",
        "name": "g",
        "devices": [{"reqId": "d", "name": "d", "model": "open-api-device-v1.0"}],
        "sensors": [sensor | {"driverName": "openApiSensor", "deviceId": "d"}],
    }
    async with httpx2.AsyncClient(base_url=sandbox.thingplus, headers=headers) as http:
        made = await http.post("/registerGateway", json={"reqId": "g", "params": params})
        assert made.status_code == 201
        yield http, "/gateways/g/sensors/s/series"


async def test_each_shape_is_read_with_none_one_and_many_points(sandbox, path):
    http, series = path

    async def read(query):
        answer = await http.get(series, params=query)
        found = read_series(answer.content, answer.status_code)
        assert found is not None, answer.text
        return {
            time: float(str(value)) for time, value in found.points.items()
        }, found.latest and found.latest[0]

    async def in_every_shape(points, latest):
        for shape, values, times in SHAPES:
            how = {"shape": shape, "values": values, "times": times}
            await sandbox.post("/admin/series-format", how)
            ranged, newest = await read(series_query(T, T + 9))
            assert (ranged.keys(), newest) == (points.keys(), latest), how
            assert await read({}) == ({latest: points[latest]} if latest else {}, latest), how

    await in_every_shape({}, None)
    for time, value in ((T, 36.5), (T + 9, 36.0)):
        await http.put(series, json={"value": f"{value:.2f}", "time": time})
        await in_every_shape({T: 36.5} | {time: value}, time)
    assert await read(series_query(T + 1, T + 8)) == ({T + 9: 36.0}, T + 9)


async def test_a_time_in_ms_is_a_query_that_the_cloud_refuses(path):
    http, series = path
    answer = await http.get(series, params={"dataStart": str(T), "dataEnd": str(T + 1), "interval": "0"})
    assert answer.status_code == 400
    assert read_series(answer.content, answer.status_code) is None
