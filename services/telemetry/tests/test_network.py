"""pyreqwest goes the way that httpx2 goes: the same proxies, authorities and words, on real sockets."""

import asyncio
import datetime as dt
import ssl

import pytest
from certificates import CERT_SIGN, DIGITAL_SIGNATURE
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError

from ferry.clouds.errors import UnreachableError
from ferry.clouds.http import CloudHttp
from ferry.clouds.network.way import Network, read_network
from ferry.telemetry.delivery.cloud.network import through, why
from harness.processes import free_port
from harness.tiny_http import answer


async def by_pyreqwest(url: str, network: Network) -> int | str:
    proxy = network.proxy_for(url)
    async with through(ClientBuilder(), network, url).build() as client:
        try:
            return (await client.get(f"{url}/things").build().send()).status
        except PyreqwestError as error:
            host = url.split("//")[1].split(":", maxsplit=1)[0]
            return why(error, host, proxy.shown if proxy else "")


async def by_httpx(url: str, network: Network) -> int | str:
    async with CloudHttp(url, network=network) as http:
        try:
            return (await http.send("GET", "/things")).status
        except UnreachableError as error:
            return str(error).removeprefix("no answer from the cloud: ")


@pytest.mark.parametrize("by", [by_pyreqwest, by_httpx])
async def test_a_plain_proxy_is_asked_and_an_exemption_is_not(by):
    asked = []

    async def proxy(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        through_it = {"HTTP_PROXY": url, "NO_PROXY": "127.0.0.0/8,fe80::/10,[::1],.internal"}
        assert await by("http://cloud.example", read_network(through_it)) == 200
        assert asked == ["GET http://cloud.example/things HTTP/1.1"]
        dead = {**through_it, "HTTP_PROXY": f"http://127.0.0.1:{free_port()}"}
        assert await by(url, read_network(dead)) == 200
        assert asked[1] == "GET /things HTTP/1.1"
        shown = dead["HTTP_PROXY"].removeprefix("http://")
        expected = f"connection refused, through the proxy {shown} (HTTP_PROXY)"
        assert await by("http://cloud.example", read_network(dead)) == expected


@pytest.mark.parametrize("by", [by_pyreqwest, by_httpx])
async def test_a_name_that_does_not_resolve_and_a_closed_port(by):
    network = read_network({})
    assert await by("http://nowhere.invalid", network) == "the name nowhere.invalid does not resolve"
    assert await by(f"http://127.0.0.1:{free_port()}", network) == "connection refused"


def issued(folder, name, issuer=None, issuer_key=None):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer_key or key).public_key()), critical=False
        )
        .add_extension(CERT_SIGN if issuer is None else DIGITAL_SIGNATURE, critical=True)
        .sign(issuer_key or key, hashes.SHA256())
    )  # fmt: skip
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made, key


@pytest.mark.parametrize("by", [by_pyreqwest, by_httpx])
async def test_an_own_authority_is_trusted_when_asked_to_one_of_several_in_a_file(tmp_path, by):
    issued(tmp_path, "another")
    authority, key = issued(tmp_path, "authority")
    issued(tmp_path, "localhost", authority, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "localhost.pem", tmp_path / "localhost.key")
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes((tmp_path / "another.pem").read_bytes() + (tmp_path / "authority.pem").read_bytes())
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        assert await by(url, read_network({})) == "the certificate's authority is not trusted"
        assert await by(url, read_network({"SSL_CERT_FILE": str(bundle)})) == 200


@pytest.mark.parametrize("by", [by_pyreqwest, by_httpx])
async def test_a_self_signed_cloud_is_named_as_such(tmp_path, by):
    issued(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "localhost.pem", tmp_path / "localhost.key")
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        assert await by(url, read_network({})) == "the certificate is self-signed"


@pytest.mark.parametrize("by", [by_pyreqwest, by_httpx])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_no_client_reads_the_environment_by_rules_of_its_own(by, monkeypatch, variable):
    monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await by(url, read_network({})) == 200
