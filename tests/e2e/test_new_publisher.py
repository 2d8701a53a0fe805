"""A publisher is added while the server runs, as docs/deployment.md says."""

import signal

import nats.js.errors
from make_publisher import make

from ferry.contract import subjects
from harness.processes import eventually

BODY = b'{"value":1}'


async def reload(bus):
    said = bus.process.text().count("Reloaded server configuration")

    async def reloaded():
        return bus.process.text().count("Reloaded server configuration") > said

    bus.process.send(signal.SIGHUP)
    await eventually(reloaded, what="the server's reload")


async def test_a_new_publisher_publishes_after_the_second_reload(bus, nats_client, publisher):
    make("shop", ["shop-gateway"], bus.folder / "conf" / "publishers", bus.folder / "secrets" / "shop")
    subject = subjects.sensor_series("shop-gateway", "scale")
    await reload(bus)
    await reload(bus)  # nats-server 2.15.1: after the first one the new account's import leads nowhere
    shop = await bus.as_publisher("shop")
    assert (await shop.jetstream(timeout=2).publish(subject, BODY)).stream == "FERRY_READINGS"
    await shop.close()
    await publisher.jetstream(timeout=2).publish(subjects.sensor_series("gateway-0", "scale"), BODY)
    assert (await nats_client.jetstream().stream_info("FERRY_READINGS")).state.messages == 2


async def test_one_reload_is_not_enough(bus):
    """Remove this and the second reload once a newer server does without."""
    make("shop", ["shop-gateway"], bus.folder / "conf" / "publishers", bus.folder / "secrets" / "shop")
    await reload(bus)
    shop = await bus.as_publisher("shop")
    try:
        await shop.jetstream(timeout=2).publish(subjects.sensor_series("shop-gateway", "scale"), BODY)
    except nats.js.errors.NoStreamResponseError:
        return
    finally:
        await shop.close()
    raise AssertionError("nats-server needs one reload only: say so in docs/deployment.md")
