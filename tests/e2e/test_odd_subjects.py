"""A subject that is not UTF-8, or that nats-py's parser cannot split, is its sender's loss alone."""

import asyncio

import pytest

from ferry.contract import subjects
from harness.processes import eventually
from harness.services import lay_fleet


@pytest.mark.parametrize(("token", "shown"), [(b"\xff", "\\udcff"), (b"a\x0bb", "a\x0bb")])
async def test_an_odd_subject_becomes_a_dead_letter_and_the_next_reading_arrives(
    suite, nats_client, publisher, sandbox, token, shown
):
    await asyncio.gather(suite.start("auth"), suite.start("telemetry"))
    gateway, sensor = (await lay_fleet(suite.bus, sandbox, 1, 1))[0]
    odd = b"ferry.v1.gateways.elsewhere.sensors." + token + b".series"
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
    assert shown in letter.headers["Ferry-Subject"]
    assert (await stream.stream_info("FERRY_DEAD")).state.messages == 1
