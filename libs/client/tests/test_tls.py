"""What the command says of a server's certificate that Python 3.13 and newer refuse, and older ones take."""

import asyncio
import ssl
import sys
from pathlib import Path

import pytest
from certificates import write_server

from ferry.client.bus import connect
from ferry.client.connection import explained
from ferry.client.errors import NotConnectedError
from ferry.client.settings import NatsSettings
from harness.bus import bus as a_bus

LOOPBACK = "127.0.0.1"


@pytest.fixture
async def settings(tmp_path):
    folder: Path = tmp_path / "certificates"
    write_server(folder, LOOPBACK, identified=False)
    tls = f'tls {{ cert_file: "{folder / "tls.crt"}", key_file: "{folder / "tls.key"}" }}'
    async with a_bus(tmp_path / "bus", config=tls) as running:
        yield NatsSettings(url=running.url, tls_ca_file=folder / "ca.crt")


async def test_a_certificate_without_key_identifiers(settings):
    if sys.version_info < (3, 13):
        async with connect(settings) as connected:
            assert connected.client.is_connected
    else:
        with pytest.raises(NotConnectedError, match="Missing Authority Key Identifier") as refused:
            async with connect(settings):
                pass
        assert "RFC 5280" in (refused.value.problem.hint or "")


async def test_the_hint_on_any_python(tmp_path):
    folder: Path = tmp_path / "certificates"
    write_server(folder, LOOPBACK, identified=False)
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    server = await asyncio.start_server(lambda _, writer: writer.close(), LOOPBACK, 0, ssl=server_context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ssl.SSLCertVerificationError) as refused:
            await asyncio.open_connection(LOOPBACK, port, ssl=context)
    error = explained(NatsSettings(), [refused.value])
    assert "RFC 5280" in (error.problem.hint or "")
