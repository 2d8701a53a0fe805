"""A publisher is added while the server runs, as docs/deploy/nats.md says."""

import signal

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from ferry.client.publishers import Folder, add, remove, rotate
from ferry.contract import subjects
from harness.processes import eventually

BODY = b'{"value":1}'


def folder_of(bus):
    return Folder(bus.folder / "conf" / "publishers")


async def reload(bus):
    said = bus.process.text().count("Reloaded server configuration")

    async def reloaded():
        return bus.process.text().count("Reloaded server configuration") > said

    bus.process.send(signal.SIGHUP)
    await eventually(reloaded, what="the server's reload")


async def refused(bus, seed):
    client = Client()
    try:
        await client.connect(bus.url, nkeys_seed_str=seed, inbox_prefix="_INBOX_plant", allow_reconnect=False)
    except nats.errors.Error:
        return True
    else:
        return False
    finally:
        await client.close()


async def test_a_new_publisher_publishes_after_the_second_reload(bus, nats_client, publisher):
    add(folder_of(bus), "shop", ["shop-gateway"], bus.folder / "secrets" / "shop")
    subject = subjects.sensor_series("shop-gateway", "scale")
    await reload(bus)
    await reload(bus)  # nats-server 2.15.1: after the first one the new account's import leads nowhere
    shop = await bus.as_publisher("shop")
    assert (await shop.jetstream(timeout=2).publish(subject, BODY)).stream == "FERRY_READINGS"
    await shop.close()
    await publisher.jetstream(timeout=2).publish(subjects.sensor_series("gateway-0", "scale"), BODY)
    assert (await nats_client.jetstream().stream_info("FERRY_READINGS")).state.messages == 2


async def test_new_keys_are_taken_and_the_old_ones_refused_and_then_none(bus):
    """The server reloads after each step, which it would not with a file that it cannot read."""
    secrets = bus.folder / "secrets" / "plant"
    old = (secrets / "FERRY_NATS__NKEY_SEED").read_text()
    rotate(folder_of(bus), "plant", ["gateway-0", "shop-gateway"], secrets)
    await reload(bus)
    await reload(bus)
    plant = await bus.as_publisher("plant")
    await plant.jetstream(timeout=2).publish(subjects.sensor_series("shop-gateway", "scale"), BODY)
    await plant.close()
    assert await refused(bus, old)
    new = (secrets / "FERRY_NATS__NKEY_SEED").read_text()
    assert not await refused(bus, new)
    remove(folder_of(bus), "plant")
    await reload(bus)
    assert await refused(bus, new)


async def test_one_reload_is_not_enough(bus):
    """Remove this and the second reload once a newer server does without."""
    add(folder_of(bus), "shop", ["shop-gateway"], bus.folder / "secrets" / "shop")
    await reload(bus)
    shop = await bus.as_publisher("shop")
    try:
        await shop.jetstream(timeout=2).publish(subjects.sensor_series("shop-gateway", "scale"), BODY)
    except nats.js.errors.NoStreamResponseError:
        return
    finally:
        await shop.close()
    raise AssertionError("nats-server needs one reload only: say so in docs/deploy/nats.md")
