"""A subject that is not UTF-8 is its sender's loss alone."""

import asyncio

from ferry.contract import subjects
from harness.processes import eventually
from harness.services import lay_fleet


async def test_a_subject_that_is_not_utf8_becomes_a_dead_letter_and_the_next_reading_arrives(
    suite, nats_client, publisher, sandbox
):
    await asyncio.gather(suite.start("auth"), suite.start("telemetry"))
    gateway, sensor = (await lay_fleet(suite.bus, sandbox, 1, 1))[0]
    odd = b"ferry.v1.gateways.elsewhere.sensors.\xff.series"
    # nats-py encodes subjects itself: the line goes out as it is
    publisher._pending.append(b"PUB " + odd + b" 2\r\n{}\r\n")
    publisher._pending_data_size += 1
    await publisher._flush_pending()
    await publisher.flush()
    await publisher.jetstream().publish(subjects.sensor_series(gateway, sensor), b'{"value":"7"}')
    stream = nats_client.jetstream()

    async def done():
        return (await stream.stream_info("FERRY_READINGS")).state.messages == 0

    await eventually(done, what="an empty stream")
    letter = await stream.get_last_msg("FERRY_DEAD", f"{subjects.PREFIX}.dead.>", direct=True)
    assert letter.headers["Ferry-Reason"] == "invalid_subject"
    assert "\\udcff" in letter.headers["Ferry-Subject"]
    assert (await stream.stream_info("FERRY_DEAD")).state.messages == 1
