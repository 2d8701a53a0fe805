"""A publisher's trace goes on to the cloud and through whatever happens on the way, as a collector sees it."""

import json
import secrets

import pytest

from ferry.contract import subjects
from harness.collector import collector
from harness.processes import eventually
from harness.services import lay_fleet

FIRST_MS = 1495715734508
OPERATOR = "00f067aa0ba902b7aaaaaaaaaaaaaaaa"
ENV = {
    "FERRY_TELEMETRY__IMPLY_STATUS": "false",
    "FERRY_TELEMETRY__RETRY_BASE_S": "0.05",
    "FERRY_TELEMETRY__UNKNOWN_GRACE_S": "0.5",
}


def parent(trace):
    return f"00-{trace}-b7ad6b7169203331-01"


async def publish(client, sensor, number, traceparent):
    body = {"value": "36.5", "time": FIRST_MS + number}
    await put_on_the_bus(client, subjects.sensor_series(*sensor), body, traceparent)


async def put_on_the_bus(client, subject, body, traceparent):
    headers = {"traceparent": traceparent}
    await client.jetstream().publish(subject, json.dumps(body).encode(), headers=headers)


@pytest.fixture
async def collected():
    async with collector() as found:
        yield found


@pytest.fixture
async def start(suite, collected):
    await suite.start("auth")

    async def started(**env):
        given = {"FERRY_OTLP__ENDPOINT": collected.url, **ENV, **env}
        return await suite.start("telemetry", given)

    return started


async def arrived(sandbox, sensor, count):
    async def there():
        return len(await sandbox.series(*sensor)) == count

    await eventually(there, what=f"{count} readings at the cloud")


async def at_the_cloud(sandbox, trace):
    """The answers to requests that carried the trace, in order."""
    requests = await sandbox.get("/admin/requests", limit="1000")
    return [one["status"] for one in reversed(requests) if trace in one["headers"].get("traceparent", "")]


async def dead_letters(operator):
    answer = await operator.request(subjects.TELEMETRY_DEAD_LIST, b"{}", timeout=10)
    return json.loads(answer.data)["items"]


def of(collected, trace):
    """The trace's spans by name, in order of their beginning."""
    spans = [span for span in collected.spans if span.trace_id.hex() == trace]
    return sorted(spans, key=lambda span: span.start_time_unix_nano)


async def test_readings_sent_in_one_array_are_in_each_publishers_trace(
    suite, sandbox, publisher, start, collected
):
    telemetry = await start(FERRY_TELEMETRY__LINGER_S="0.5")
    sensor = (await lay_fleet(suite.bus, suite.sandbox, 1, 1))[0]
    first, second = secrets.token_hex(16), secrets.token_hex(16)
    await publish(publisher, sensor, 0, parent(first))
    await arrived(sandbox, sensor, 1)
    assert await at_the_cloud(sandbox, first) == [200]
    await publish(publisher, sensor, 1, parent(first))
    await publish(publisher, sensor, 2, parent(second))
    await arrived(sandbox, sensor, 3)
    await telemetry.process.stop()  # what it has seen leaves at the latest now

    alone, alone_put, together, put = of(collected, first)
    assert [span.name for span in (alone, alone_put)] == ["process series", "PUT"]
    assert (alone_put.parent_span_id, put.parent_span_id) == (alone.span_id, together.span_id)
    assert {link.trace_id.hex() for link in together.links} == {second}
    (other,) = of(collected, second)
    assert [link.span_id for link in other.links] == [together.span_id]
    assert other.parent_span_id.hex() == "b7ad6b7169203331"
    assert collected.exemplars["http.client.request.duration"] <= {first, second}
    assert first in collected.exemplars["http.client.request.duration"]
    assert all("Bearer" not in str(span) for span in collected.spans)


async def test_a_trace_goes_through_a_retry_a_dead_letter_and_its_replay(
    suite, sandbox, publisher, start, collected
):
    telemetry = await start()
    sensor = (await lay_fleet(suite.bus, suite.sandbox, 1, 1))[0]
    trace = secrets.token_hex(16)
    await sandbox.fault(
        match={"path": "*/series", "method": "PUT"}, kind="status", status=503, for_requests=1
    )
    await publish(publisher, sensor, 0, parent(trace))
    await arrived(sandbox, sensor, 1)
    assert await at_the_cloud(sandbox, trace) == [503, 200]

    await sandbox.fault(
        match={"path": "*/series", "method": "PUT"},
        kind="status",
        status=400,
        code="SCHEMA_VALIDATE",
        for_requests=1,
    )
    await publish(publisher, sensor, 1, parent(trace))
    operator = await suite.bus.as_user("operator")
    await eventually(lambda: dead_letters(operator), what="a dead letter")
    letter = (await dead_letters(operator))[0]
    assert trace in letter["traceparent"]
    body = json.dumps({"id": letter["id"]}).encode()
    asking = {"traceparent": parent(OPERATOR)}
    await operator.request(subjects.TELEMETRY_DEAD_REPLAY, body, timeout=10, headers=asking)
    await operator.close()
    await arrived(sandbox, sensor, 2)
    assert await at_the_cloud(sandbox, trace) == [503, 200, 400, 200]
    await telemetry.process.stop()

    line = next(line for line in telemetry.process.text().splitlines() if " dead_letter " in line)
    assert f"trace_id={trace}" in line
    names = [span.name for span in of(collected, trace)]
    assert names[:2] == ["process series", "PUT"]
    assert names.count("PUT") == 4
    assert names[-4:] == ["publish dead letter", "replay dead letter", "process series", "PUT"]
    replay, again, put = of(collected, trace)[-3:]
    assert {link.trace_id.hex() for link in replay.links} == {OPERATOR}
    assert (again.parent_span_id, put.parent_span_id) == (replay.span_id, again.span_id)


async def test_a_status_and_a_reading_of_nobody_keep_their_traces(
    suite, sandbox, publisher, start, collected
):
    telemetry = await start()
    sensor = (await lay_fleet(suite.bus, suite.sandbox, 1, 1))[0]
    status, nobody = secrets.token_hex(16), secrets.token_hex(16)
    subject = subjects.sensor_series(*sensor).replace(".series", ".status")
    await put_on_the_bus(publisher, subject, {"value": "off", "validDuration": 600}, parent(status))

    async def sent():
        return await at_the_cloud(sandbox, status) == [200]

    await eventually(sent, what="the status at the cloud")
    await publish(publisher, (sensor[0], "nobody"), 0, parent(nobody))
    operator = await suite.bus.as_user("operator")
    await eventually(lambda: dead_letters(operator), what="a dead letter")
    await operator.close()
    await telemetry.process.stop()
    assert [span.name for span in of(collected, status)] == ["process status", "PUT"]
    assert [span.name for span in of(collected, nobody)] == ["publish dead letter"]


@pytest.mark.parametrize(
    "given", ["", "00-0-0-01", "x" * 5000, "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ü"]
)
async def test_a_trace_that_is_none_harms_no_reading(suite, sandbox, publisher, start, given):
    await start()
    sensor = (await lay_fleet(suite.bus, suite.sandbox, 1, 1))[0]
    await publish(publisher, sensor, 0, given)
    await arrived(sandbox, sensor, 1)
