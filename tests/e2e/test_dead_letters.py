"""Dead letters as an operator meets them: found, understood, replayed, discarded."""

import asyncio
import json

import pytest

from ferry.contract import subjects
from harness.processes import eventually
from harness.services import lay_fleet

QUICK = {
    "FERRY_TELEMETRY__UNKNOWN_GRACE_S": "0.2",
    "FERRY_TELEMETRY__EARLIEST_TIME_MS": "0",
    "FERRY_TELEMETRY__IMPLY_STATUS": "false",
}


@pytest.fixture
def ferry(suite):
    return suite.ferry


async def dead_count(client):
    return (await client.jetstream().stream_info("FERRY_DEAD")).state.messages


async def settled(client, dead):
    async def done():
        waiting = (await client.jetstream().stream_info("FERRY_READINGS")).state.messages
        return waiting == 0 and await dead_count(client) == dead

    await eventually(done, what=f"{dead} dead letters and an empty stream")


async def test_dead_letters_are_found_by_filter_replayed_and_discarded(
    suite, nats_client, publisher, sandbox, ferry
):
    await lay_fleet(suite.bus, sandbox, 0, 0)
    await asyncio.gather(suite.start("auth"), suite.start("telemetry", QUICK))
    early = subjects.sensor_series("gateway-0", "gateway-0-sensor-0")
    for moment in (1000, 2000):
        await publisher.jetstream().publish(early, b'{"value":"7","time":%d}' % moment)
    await publisher.jetstream().publish(subjects.sensor_series("elsewhere", "x"), b"{")
    await settled(nats_client, 3)

    code, text = await ferry("dead", "list", "--json", "--gateway", "gateway-0")
    items = json.loads(text)["items"]
    assert code == 0
    assert [item["reason"] for item in items] == ["unknown_sensor", "unknown_sensor"]
    assert items[0]["body"] == '{"value":"7","time":1000}'
    code, text = await ferry("dead", "list", "--reason", "invalid_body")
    assert "elsewhere" in text
    code, text = await ferry("dead", "show", str(items[0]["id"]))
    assert "does not know sensor" in text
    code, text = await ferry("dead", "replay")
    assert code == 1
    assert "give an id, a filter, or all" in text

    await lay_fleet(suite.bus, sandbox, 1, 1)
    code, text = await ferry("dead", "replay", "--reason", "unknown_sensor")
    assert (code, text.strip()) == (0, "2 replayed")
    await settled(nats_client, 1)
    assert [point["time"] for point in await sandbox.series("gateway-0", "gateway-0-sensor-0")] == [
        1000,
        2000,
    ]

    code, text = await ferry("dead", "discard", "--all", "--yes")
    assert (code, text.strip()) == (0, "1 discarded")
    assert (await ferry("dead", "list"))[1].strip() == "no dead letters"


async def test_a_replay_that_was_cut_short_may_be_done_again(suite, nats_client, publisher, sandbox, ferry):
    await lay_fleet(suite.bus, sandbox, 0, 0)
    await asyncio.gather(suite.start("auth"), suite.start("telemetry", QUICK))
    subject = subjects.sensor_series("gateway-0", "gateway-0-sensor-0")
    await publisher.jetstream().publish(subject, b'{"value":"7"}')
    await settled(nats_client, 1)
    letter = await nats_client.jetstream().get_msg("FERRY_DEAD", seq=1)
    await lay_fleet(suite.bus, sandbox, 1, 1)
    # A crash between publishing and deleting leaves both: what was published once comes again.
    again = {"Ferry-Published-At": letter.headers["Ferry-Published-At"]}
    await publisher.jetstream().publish(subject, letter.data, headers=again)
    await settled(nats_client, 1)
    assert (await ferry("dead", "replay", "--all"))[0] == 0
    await settled(nats_client, 0)
    points = await sandbox.series("gateway-0", "gateway-0-sensor-0")
    assert [point["time"] for point in points] == [int(letter.headers["Ferry-Published-At"])]


async def test_a_cloud_that_is_away_is_seen_in_status_and_nothing_is_lost(
    suite, nats_client, publisher, sandbox, ferry
):
    await asyncio.gather(suite.start("auth"), suite.start("telemetry", QUICK))
    laid = await lay_fleet(suite.bus, sandbox, 1, 1)
    await publisher.jetstream().publish(subjects.sensor_series(*laid[0]), b'{"value":"1","time":1}')
    await settled(nats_client, 0)
    await sandbox.process.kill()
    await publisher.jetstream().publish(subjects.sensor_series(*laid[0]), b'{"value":"2","time":2}')

    async def shown():
        code, text = await ferry("status")  # 1: not every service runs here
        return code == 1 and "no answer" in text and "waiting: 1 messages" in text

    await eventually(shown, within_s=15, what="the outage in `ferry status`")
    assert await dead_count(nats_client) == 0


async def test_a_wrong_password_is_seen_in_status_and_nothing_is_lost(
    suite, nats_client, publisher, sandbox, ferry
):
    await suite.start("auth", {"FERRY_THINGPLUS__PASSWORD": "wrong"})
    await suite.start("telemetry", QUICK)
    laid = await lay_fleet(suite.bus, sandbox, 1, 1)
    await publisher.jetstream().publish(subjects.sensor_series(*laid[0]), b'{"value":"1","time":1}')

    async def shown():
        code, text = await ferry("status")
        return code == 1 and "no token" in text and "credentials" in text

    await eventually(shown, within_s=15, what="the refused credentials in `ferry status`")
    _, text = await ferry("auth", "state")
    assert "refused" in text
    assert (await nats_client.jetstream().stream_info("FERRY_READINGS")).state.messages == 1


async def test_no_bus_and_no_service_are_said_in_words(suite, ferry):
    code, text = await ferry("status")
    assert code == 1
    assert text.count("does not answer") == 4
    await suite.bus.process.kill()
    code, text = await ferry("status")
    assert code == 1
    assert "no connection to NATS" in text
    assert "Traceback" not in text


async def test_what_a_publisher_wrote_cannot_steer_the_operators_terminal(
    suite, nats_client, publisher, ferry
):
    await asyncio.gather(suite.start("auth"), suite.start("telemetry", QUICK))
    hostile = "\x1b]0;owned\x07\x1b[2J\u202e\u200b[bold]"
    await publisher.jetstream().publish("ferry.v1.gateways.elsewhere.sensors.[/x].series", hostile.encode())
    await publisher.jetstream().publish(subjects.sensor_series("elsewhere", "x"), hostile.encode())
    await settled(nats_client, 2)
    code, text = await ferry("dead", "list")
    assert code == 0, text
    assert "[/x]" in text
    ids = [item["id"] for item in json.loads((await ferry("dead", "list", "--json"))[1])["items"]]
    for letter in ids:
        code, text = await ferry("dead", "show", str(letter))
        assert code == 0, text
        assert r"\x1b]0;owned\x07\x1b[2J\u202e\u200b[bold]" in text
        assert all(character.isprintable() or character == "\n" for character in text)
