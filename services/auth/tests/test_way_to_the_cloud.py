"""What `ferry auth state` shows when something is wrong on the way to the cloud: words, not a class name."""

import asyncio
import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.auth import get_state
from harness.auth_in_process import auth
from harness.processes import eventually, free_port
from harness.token_cloud import token_cloud


async def detail(bus, nats_client, url: str) -> str:
    async with token_cloud() as cloud, auth(bus, cloud, url=url):

        async def tried() -> bool:
            return (await get_state(nats_client)).state == "unavailable"

        await eventually(tried, what="a failed attempt")
        return (await get_state(nats_client)).detail or ""


async def test_a_self_signed_cloud(bus, nats_client, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path / "both.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/v2"
        assert (
            await detail(bus, nats_client, url) == "no answer from the cloud: the certificate is self-signed"
        )


async def test_a_name_that_does_not_resolve(bus, nats_client):
    said = await detail(bus, nats_client, "https://nowhere.invalid/v2")
    assert said == "no answer from the cloud: the name nowhere.invalid does not resolve"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
async def test_a_proxy_that_is_not_there(bus, nats_client, monkeypatch, variable):
    port = free_port()
    monkeypatch.setenv(variable, f"http://user:c4nary@127.0.0.1:{port}")
    said = await detail(bus, nats_client, "https://cloud.invalid/v2")
    assert (
        said
        == f"no answer from the cloud: connection refused, through the proxy 127.0.0.1:{port} ({variable})"
    )
