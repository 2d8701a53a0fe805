"""Thing+ as telemetry meets it: one suite over the sandbox by HTTP and over the cloud in memory of the simulation."""

import time
from itertools import count, product

import pytest
import pytest_asyncio

from ferry.clouds.thingplus.answers import Kind, read_reply
from ferry.clouds.thingplus.paths import gateway_path, series_path, status_path
from ferry.clouds.thingplus.series import read_latest, read_series, series_query
from ferry.telemetry.delivery.cloud.client import thingplus
from ferry.telemetry.delivery.entities import Entities
from ferry.telemetry.delivery.implied_status import not_on_until_ms
from ferry.telemetry.delivery.ports import Unreachable
from ferry.telemetry.settings import CloudSettings
from harness import sandbox as sandboxes
from harness.bus import bus as a_bus
from harness.services import bearer, lay_fleet
from memory.cloud import COMMITS, MemoryCloud, Mishap
from memory.thingplus import ThingPlus

pytestmark = pytest.mark.asyncio(loop_scope="module")
GATEWAY = "gateway-0"
SENSORS = 160
ANSWER_S = 0.5
HTML = {"text": "<html><body>maintenance</body></html>", "content_type": "text/html"}
NO_ANSWER = "no answer"


def refused(status, code):
    return {"statusCode": status, "errors": [{"code": code, "message": "no"}]}


ANSWERS = {
    "html_200": (Kind.FOREIGN, {"status": 200, **HTML}),
    "empty_200": (Kind.FOREIGN, {"status": 200, "text": ""}),
    "200_with_400": (Kind.READING, {"status": 200, "body": refused(400, "SCHEMA_VALIDATE")}),
    "200_with_500": (Kind.RETRY, {"status": 200, "body": refused(500, "SERVER")}),
    "other_json": (Kind.FOREIGN, {"status": 200, "body": {"ok": True}}),
    "html_404": (Kind.FOREIGN, {"status": 404, **HTML}),
    "html_403": (Kind.FOREIGN, {"status": 403, **HTML}),
    "redirect": (Kind.FOREIGN, {"kind": "redirect", "text": ""}),
    "404": (Kind.ENTITY, {"status": 404}),
    "403": (Kind.ENTITY, {"status": 403}),
    "409": (Kind.ENTITY, {"status": 409}),
    "400": (Kind.READING, {"status": 400, "code": "SCHEMA_VALIDATE"}),
    "408": (Kind.RETRY, {"status": 408, "text": ""}),
    "413": (Kind.TOO_LARGE, {"status": 413, **HTML}),
    "429": (Kind.RETRY, {"status": 429}),
    "444": (Kind.RETRY, {"status": 444}),
    "471": (Kind.ACCOUNT, {"status": 471}),
    "need_login": (Kind.ACCOUNT, {"status": 403, "code": "NEED_LOGIN"}),
    "500": (Kind.RETRY, {"status": 500}),
    "502": (Kind.RETRY, {"status": 502, **HTML}),
    "503": (Kind.RETRY, {"status": 503}),
    "504": (Kind.RETRY, {"status": 504}),
    "600": (Kind.RETRY, {"status": 600}),
    "db_400": (Kind.RETRY, {"status": 400, "code": "DB_ERROR"}),
    "commit_then_html": (Kind.FOREIGN, {"status": 200, "commit": True, **HTML}),
    "reset": (NO_ANSWER, {"kind": "reset_before"}),
    "commit_then_reset": (NO_ANSWER, {"kind": "reset_after"}),
    "blackhole": (NO_ANSWER, {"kind": "blackhole"}),
    "commit_then_blackhole": (NO_ANSWER, {"kind": "blackhole", "commit": True}),
}
"""What each answer must be read as, and the sandbox's fault that is the cloud in memory's mishap of that name."""
SHAPES = {"embedded": "sensor", "leaf": "pairs", "pack": "leaf"}
"""How a series is shown, by the cloud in memory's words and by the sandbox's."""


class World:
    """One gateway; each test takes a sensor that no other has."""

    def __init__(self, cloud, token):
        self.cloud = cloud
        self.token = token
        self._numbers = count()

    def new_sensor(self):
        return f"{GATEWAY}-sensor-{next(self._numbers)}"

    async def put(self, sensor, body):
        return self._kind(await self.cloud.put(series_path(GATEWAY, sensor), body, self.token))

    async def put_status(self, sensor, body):
        return self._kind(await self.cloud.put(status_path(GATEWAY, sensor), body, self.token))

    def _kind(self, answer):
        return read_reply(answer.status, answer.body, answer.content_type).kind

    async def read(self, sensor, first, last, most=100):
        query = series_query(first, last, count=most)
        answer = await self.cloud.get(series_path(GATEWAY, sensor), query, self.token)
        return read_series(answer.body, answer.status)

    async def read_latest(self, sensor):
        answer = await self.cloud.get(series_path(GATEWAY, sensor), {}, self.token)
        return read_latest(answer.body, answer.status)

    async def times(self, sensor):
        return sorted((await self.read(sensor, 0, 10**13)).points)

    async def not_on_until_ms(self, sensor):
        answer = await self.cloud.get(status_path(GATEWAY, sensor), {}, self.token)
        until_ms = not_on_until_ms(answer.body)
        assert until_ms is not None, answer.body
        return until_ms


class OverMemory(World):
    def __init__(self):
        shop = ThingPlus(lambda: time.time_ns() // 1_000_000)
        shop.gateways[GATEWAY] = {f"{GATEWAY}-sensor-{number}" for number in range(SENSORS)}
        self.mishaps = {}
        memory = MemoryCloud(shop, lambda: 0.001, self._next, accepts=lambda token: token == "Bearer good")
        memory.answer_s = ANSWER_S
        super().__init__(memory, "Bearer good")

    def _next(self, request):
        return self.mishaps.pop(request.sensor, None)

    async def once(self, sensor, mishap, retry_after=None):
        self.mishaps[sensor] = Mishap(mishap, retry_after)

    async def show(self, shape, *, numbers):
        self.cloud.thingplus.shape, self.cloud.thingplus.numbers = shape, numbers


class OverHttp(World):
    def __init__(self, cloud, token, sandbox):
        super().__init__(cloud, token)
        self._sandbox = sandbox

    async def once(self, sensor, mishap, retry_after=None):
        fault = {"kind": "status", "for_requests": 1, **ANSWERS[mishap][1]}
        await self._sandbox.fault(match={"sensor": sensor}, retry_after=retry_after, **fault)

    async def show(self, shape, *, numbers):
        values = "number" if numbers else "stored"
        await self._sandbox.post("/admin/series-format", {"shape": SHAPES[shape], "values": values})


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["memory", "sandbox"])
async def world(request, tmp_path_factory):
    if request.param == "memory":
        yield OverMemory()
        return
    folder = tmp_path_factory.mktemp("cloud")
    async with sandboxes.sandbox(folder / "sandbox") as sandbox:
        async with a_bus(folder / "bus") as bus:
            await bus.lay()
            await lay_fleet(bus, sandbox, 1, SENSORS)
        settings = CloudSettings(url=sandbox.thingplus, answer_s=ANSWER_S)
        async with thingplus(settings, 8) as cloud:
            yield OverHttp(cloud, f"Bearer {await bearer(sandbox)}", sandbox)


async def test_what_is_put_is_read_back_in_every_shape(world):
    one, empty = world.new_sensor(), world.new_sensor()
    assert await world.put(one, b'{"value":"36.50","time":1000}') is Kind.DELIVERED
    array = b'[{"value":"1","time":2000},{"value":"2","time":2001}]'
    assert await world.put(one, array) is Kind.DELIVERED
    for shape, numbers in product(SHAPES, (True, False)):
        await world.show(shape, numbers=numbers)
        found = await world.read(one, 1000, 2001)
        values = {1000: 36.5, 2000: 1, 2001: 2} if numbers else {1000: "36.50", 2000: "1", 2001: "2"}
        assert (found.points, found.latest) == (values, (2001, values[2001]))
        assert (await world.read_latest(one)).points == {2001: values[2001]}
        for none in (await world.read(empty, 0, 10**12), await world.read_latest(empty)):
            assert (none.points, none.latest) == ({}, None), "that it has none is understood"
    await world.show("leaf", numbers=False)


async def test_a_range_has_both_its_ends_and_no_more_than_was_asked_for(world):
    one = world.new_sensor()
    for moment in (1000, 2000, 3000, 4000):
        await world.put(one, b'{"value":"1","time":%d}' % moment)
    in_range = await world.read(one, 2000, 3000)
    assert {2000, 3000} <= set(in_range.points) <= {2000, 3000, 4000}, "the newest may be shown beside it"
    first = await world.read(one, 1000, 4000, most=2)
    assert {1000, 2000} <= set(first.points) <= {1000, 2000, 4000}


@pytest.mark.parametrize("moment", [999, 1000])
async def test_a_time_not_after_the_newest_is_a_past_time(world, moment):
    one = world.new_sensor()
    await world.put(one, b'{"value":"1","time":1000}')
    assert await world.put(one, b'{"value":"2","time":%d}' % moment) is Kind.PAST_TIME
    assert await world.times(one) == [1000]


@pytest.mark.parametrize("times", [(1000, 3000, 2000), (1000, 1000), (500, 3000)])
async def test_an_array_is_written_whole_or_not_at_all(world, times):
    one = world.new_sensor()
    await world.put(one, b'{"value":"1","time":600}')
    array = b"[" + b",".join(b'{"value":"1","time":%d}' % moment for moment in times) + b"]"
    assert await world.put(one, array) is Kind.PAST_TIME
    assert await world.times(one) == [600]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"\xff", b"7", b"null", b"[]", b"[7]", b"{}"),
        b'{"value":1,"time":1000}',
        b'{"value":null,"time":1000}',
        b'{"value":true,"time":1000}',
        b'{"value":["1"],"time":1000}',
        b'{"value":"1","time":"1000"}',
        b'{"value":"1","time":1000.5}',
        b'{"value":"1","time":true}',
        b'{"value":"1","time":-1}',
        b'{"value":"1"}',
        b'{"time":1000}',
        b'{"value":"1","time":1000,"unit":"K"}',
        b'[{"value":"1","time":1000},{"value":2,"time":2000}]',
    ],
)
async def test_a_body_of_another_form_is_refused_as_a_reading_and_nothing_of_it_is_there(world, body):
    one = world.new_sensor()
    assert await world.put(one, body) is Kind.READING
    assert await world.times(one) == []


async def test_a_value_that_does_not_fit_its_sensor_is_refused_in_the_words_of_a_past_time(world):
    one = world.new_sensor()
    assert await world.put(one, b'{"value":"bad","time":1000}') is Kind.PAST_TIME
    assert await world.times(one) == []


async def test_an_entity_that_is_not_there_is_refused_whatever_is_asked(world):
    for path in (
        series_path(GATEWAY, "nobody"),
        status_path("nowhere", None),
        status_path(GATEWAY, "nobody"),
    ):
        body = b'{"value":"1","time":1}' if path.endswith("series") else b'{"value":"on","validDuration":9}'
        assert world._kind(await world.cloud.put(path, body, world.token)) is Kind.ENTITY
        assert world._kind(await world.cloud.get(path, {}, world.token)) is Kind.ENTITY
    assert await world.put("nobody", b"{") is Kind.READING, "the body is looked at first"


async def test_a_gateway_shows_which_sensors_it_has(world):
    entities = Entities(world.cloud)
    assert await entities.gone(GATEWAY, world.new_sensor(), world.token) is None
    assert await entities.gone(GATEWAY, None, world.token) is None
    assert await entities.gone(GATEWAY, "nobody", world.token) == "sensor"
    assert await entities.gone("nowhere", "nobody", world.token) == "gateway"


@pytest.mark.parametrize("value", ["on", "off", "err"])
async def test_a_status_is_read_back_with_its_end(world, value):
    one = world.new_sensor()
    assert await world.not_on_until_ms(one) == 0, "it never had one"
    before_ms = time.time_ns() // 1_000_000
    assert (
        await world.put_status(one, b'{"value":"%s","validDuration":60}' % value.encode()) is Kind.DELIVERED
    )
    until_ms = await world.not_on_until_ms(one)
    assert until_ms == 0 if value == "on" else before_ms + 60_000 <= until_ms <= before_ms + 70_000


async def test_a_gateways_status_is_its_own(world):
    assert await world.put_status(None, b'{"value":"err","validDuration":60}') is Kind.DELIVERED
    assert await world.not_on_until_ms(None) > time.time_ns() // 1_000_000
    assert await world.not_on_until_ms(world.new_sensor()) == 0


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b'"on"', b'{"value":"on"}'),
        b'{"value":"ON","validDuration":60}',
        b'{"value":"on","validDuration":0}',
        b'{"value":"on","validDuration":-1}',
        b'{"value":"on","validDuration":"60"}',
        b'{"value":"on","validDuration":60.5}',
        b'{"value":"on","validDuration":60,"time":1}',
    ],
)
async def test_a_status_of_another_form_is_refused(world, body):
    assert await world.put_status(world.new_sensor(), body) is Kind.READING


async def test_a_bearer_that_it_does_not_know_is_refused_before_all_else(world):
    one = world.new_sensor()
    for path in (series_path(GATEWAY, one), series_path(GATEWAY, "nobody")):
        assert world._kind(await world.cloud.put(path, b"{", "Bearer x")) is Kind.BEARER
    assert world._kind(await world.cloud.get(gateway_path(GATEWAY), {}, "Bearer x")) is Kind.BEARER


@pytest.mark.parametrize("mishap", list(ANSWERS))
async def test_every_mishap_of_the_cloud_is_read_as_what_it_is(world, mishap):
    one, expected = world.new_sensor(), ANSWERS[mishap][0]
    await world.once(one, mishap)
    try:
        found = await world.put(one, b'{"value":"1","time":1000}')
    except Unreachable:
        found = NO_ANSWER
    assert found is expected
    assert await world.times(one) == ([1000] if mishap in COMMITS else [])


@pytest.mark.parametrize("status", ["429", "503"])
async def test_a_legal_retry_after_is_known_in_seconds(world, status):
    one = world.new_sensor()
    await world.once(one, status, retry_after=7)
    answer = await world.cloud.put(series_path(GATEWAY, one), b'{"value":"1","time":1}', world.token)
    assert answer.retry_after_s == 7
    assert await world.put(one, b'{"value":"1","time":1}') is Kind.DELIVERED
