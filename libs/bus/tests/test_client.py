"""A TLS handshake that fails ends an attempt to connect, and is tried again: on every Python."""

import asyncio
import ssl

import pytest
from certificates import write_server

from ferry.bus.client import TolerantClient
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
