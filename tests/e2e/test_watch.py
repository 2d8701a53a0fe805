"""`ferry watch` as an operator sees it: readings of all publishers, deliveries, dead letters, events; and its end."""

import json
import signal
from contextlib import AsyncExitStack

import pytest

from ferry.contract import subjects
from harness.nats_config import password
from harness.processes import eventually, process
from harness.services import FERRY, lay_fleet

QUICK = {"FERRY_TELEMETRY__UNKNOWN_GRACE_S": "0.2", "FERRY_TELEMETRY__EARLIEST_TIME_MS": "0"}


@pytest.fixture
async def watch(tmp_path):
    """Starts `ferry watch`; all are ended with the test."""
    async with AsyncExitStack() as stack:

        async def start(name, env, *arguments):
            command = [str(FERRY), "watch", *arguments]
            return await stack.enter_async_context(process(name, command, tmp_path, env))

        yield start


def lines(seen):
    text = seen.text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines() if line.startswith("{")]


async def test_what_passes_is_shown_and_ctrl_c_ends_it(watch, suite, bus, nats_client, publisher):
    await suite.start("auth")
    await suite.start("telemetry", QUICK)
    await lay_fleet(bus, suite.sandbox, 1, 1)
    env = bus.env("operator")
    everything = await watch("watch-all", env, "--json")
    one = await watch("watch-one", env, "--json", "--gateway", "elsewhere")
    sensor = await watch("watch-sensor", env, "--json", "--sensor", "gateway-0-sensor-0")
    number = 0

    async def listening():
        nonlocal number
        number += 1
        body = json.dumps({"value": "\x1b[2J", "time": number}).encode()
        await publisher.jetstream().publish(subjects.sensor_series("elsewhere", "s1"), body)
        return lines(everything) and lines(one)

    await eventually(listening, within_s=40, what="both watches listen")
    subject = subjects.sensor_series("gateway-0", "gateway-0-sensor-0")
    # what blinds nats-py's own reader: a subject that is not UTF-8
    publisher._transport.write(b"PUB ferry.v1.gateways.gateway-0.sensors.\xff.series 2\r\n{}\r\n")

    async def all_kinds():
        nonlocal number
        number += 1
        await publisher.jetstream().publish(subject, b'{"value":"36.5","time":%d}' % number)
        await nats_client.publish(subjects.event("registry", "gateway", "registered"), b'{"id":"gateway-0"}')
        return {"reading", "dead", "event", "delivery"} <= {line["kind"] for line in lines(everything)}

    await eventually(all_kinds, within_s=40, what="every kind of line")

    async def its_put():
        number_sent = await all_kinds()
        return number_sent and any(
            line["kind"] == "delivery" and "PUT series, HTTP 200 after" in line["text"]
            for line in lines(sensor)
        )

    await eventually(its_put, within_s=40, what="a PUT of the sensor")
    puts = [line for line in lines(sensor) if line["kind"] == "delivery"]
    assert {(line["gateway"], line["sensor"]) for line in puts} == {("gateway-0", "gateway-0-sensor-0")}
    assert '"36.5"' in puts[-1]["body"] or '"on"' in puts[-1]["body"]
    assert not [line for line in lines(one) if line["kind"] == "delivery"]
    assert any(
        line["text"].startswith("36.5 (time ") for line in lines(everything) if line["kind"] == "reading"
    )
    assert {line["gateway"] for line in lines(one)} == {"elsewhere"}
    assert {line["kind"] for line in lines(one)} >= {"reading"}
    assert "\x1b" not in everything.text() + one.text()
    for seen in (everything, one, sensor):
        assert await seen.stop(signal.SIGINT) == 130
        assert "Traceback" not in seen.text()


async def test_it_goes_on_when_the_bus_is_there_again_and_says_so(watch, bus, nats_client):
    seen = await watch("watch", bus.env("operator"), "--only", "events")

    async def listening():
        await nats_client.publish(subjects.event("registry", "gateway", "changed"), b'{"id":"\xff"}')
        return "registry gateway changed" in seen.text()

    await eventually(listening, within_s=40, what="a line")
    await bus.process.kill()
    await eventually(lambda: said(seen, "the connection is lost"), what="the loss said")
    await bus.restart()
    await eventually(lambda: said(seen, "connected again"), within_s=20, what="the return said")
    assert await seen.stop(signal.SIGINT) == 130


async def said(seen, words):
    return words in seen.text()


async def test_who_may_see_nothing_is_told(tmp_path):
    from harness.bus import bus as a_bus

    async with a_bus(tmp_path / "bus") as bus:
        env = {
            **bus.env("operator"),
            "FERRY_NATS__USER": "auth",
            "FERRY_NATS__PASSWORD": password("auth"),
        }
        async with process("watch", [str(FERRY), "watch"], tmp_path, env) as seen:
            assert await seen.child.wait() == 1
        assert "user 'auth' may not subscribe to ferry.v1." in seen.text()
        assert "Traceback" not in seen.text()
