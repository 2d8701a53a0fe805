"""A publisher's trace goes on to the cloud, as a collector sees it."""

import json

from harness.collector import collector
from harness.processes import eventually
from harness.services import lay_fleet

TRACES = ("0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736")
FIRST_MS = 1495715734508


async def publish(client, sensor, number, trace):
    gateway, name = sensor
    await client.jetstream().publish(
        f"ferry.v1.gateways.{gateway}.sensors.{name}.series",
        json.dumps({"value": "36.5", "time": FIRST_MS + number}).encode(),
        headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"},
    )


async def test_a_reading_is_put_in_its_publishers_trace_and_several_are_linked(
    suite, sandbox, publisher, nats_client
):
    async with collector() as collected:
        await suite.start("auth")
        sensor = (await lay_fleet(suite.bus, suite.sandbox, 1, 1))[0]
        env = {
            "FERRY_OTLP__ENDPOINT": collected.url,
            "FERRY_TELEMETRY__LINGER_S": "0.5",
            "FERRY_TELEMETRY__IMPLY_STATUS": "false",
        }
        telemetry = await suite.start("telemetry", env)
        await publish(publisher, sensor, 0, TRACES[0])

        async def arrived(count):
            return len(await sandbox.series(*sensor)) == count

        await eventually(lambda: arrived(1), what="the first reading")
        for number, trace in enumerate(TRACES, start=1):
            await publish(publisher, sensor, number, trace)
        await eventually(lambda: arrived(3), what="two readings in one array")
        await telemetry.process.stop()  # what it has seen leaves at the latest now
    alone, together = sorted(collected.named("process series"), key=lambda span: span.start_time_unix_nano)
    puts = {span.parent_span_id: span.trace_id for span in collected.named("PUT")}
    assert alone.trace_id.hex() == TRACES[0]
    assert puts[alone.span_id] == alone.trace_id
    assert {link.trace_id.hex() for link in together.links} == set(TRACES)
    assert puts[together.span_id] == together.trace_id
    assert all("Bearer" not in str(span) for span in collected.spans)
