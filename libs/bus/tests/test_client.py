"""A TLS handshake that fails ends an attempt to connect, and is tried again: on every Python."""

import asyncio
import ssl

import pytest
from certificates import write_server

from ferry.bus.client import NotEncryptedError, TolerantClient
from harness.bus import bus as a_bus

LOOPBACK = "127.0.0.1"


@pytest.fixture
async def server(tmp_path):
    folder = tmp_path / "certificates"
    write_server(folder, LOOPBACK)
    tls = f'tls {{ cert_file: "{folder / "tls.crt"}", key_file: "{folder / "tls.key"}" }}'
    async with a_bus(tmp_path / "bus", config=tls) as running:
        yield running.url, folder / "ca.crt"


async def test_an_authority_that_is_not_known_ends_connect(server):
    client = TolerantClient()
    async with asyncio.timeout(10):
        with pytest.raises(ssl.SSLCertVerificationError):
            await client.connect(server[0], tls=ssl.create_default_context(), allow_reconnect=False)


async def test_it_is_tried_again_until_the_server_is_trusted(server):
    url, ca = server
    context = ssl.create_default_context()
    refused = asyncio.Event()
    client = TolerantClient()

    async def on_error(error):
        if isinstance(error, ssl.SSLCertVerificationError):
            context.load_verify_locations(str(ca))
            refused.set()

    async with asyncio.timeout(10):
        await client.connect(
            url, tls=context, max_reconnect_attempts=-1, reconnect_time_wait=1, error_cb=on_error
        )
    assert refused.is_set()
    await client.close()


@pytest.mark.parametrize("how", ["tls:// in the URL", "a CA"])
async def test_where_tls_is_asked_for_nothing_is_sent_without_it(tmp_path, how):
    """A server, or who stands before it, that offers no TLS gets no password."""
    async with a_bus(tmp_path / "bus", "-V") as running:
        url = running.url if how == "a CA" else running.url.replace("nats://", "tls://")
        context = ssl.create_default_context() if how == "a CA" else None
        client = TolerantClient()
        with pytest.raises(NotEncryptedError):
            await client.connect(
                url, tls=context, user="operator", password="open-sesame", allow_reconnect=False
            )
        await client.close()
        await (await running.connect()).close()
        text = running.process.text()
        assert ("[CONNECT {" in text, '"user":"operator"' in text) == (True, False)
