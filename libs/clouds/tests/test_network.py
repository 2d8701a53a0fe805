"""Proxies, authorities and failures: the environment's rules, then real sockets and real certificates."""

import asyncio
import contextlib
import datetime as dt
import os
import ssl
import subprocess
import sys

import pytest
from certificates import write_server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ferry.clouds.errors import UnreachableError
from ferry.clouds.http import CloudHttp
from ferry.clouds.network.errors import NetworkSettingError
from ferry.clouds.network.failures import texts_of, why_no_answer
from ferry.clouds.network.way import read_network
from harness.processes import free_port
from harness.tiny_http import answer

PROXY = "http://user:c4nary@proxy.example:3128"


def way(url: str, **environ: str) -> str | None:
    proxy = read_network({"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, **environ}).proxy_for(url)
    return proxy.url if proxy else None


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", "https://a.example", True),
        ("a.example", "https://a.example/v2", True),
        ("A.Example.", "https://a.example", True),
        ("a.example", "https://b.a.example", True),
        ("a.example", "https://ba.example", False),
        (".internal", "https://cloud.internal", True),
        (".internal", "https://internal", True),
        ("*.internal", "https://cloud.internal", True),
        (".internal", "https://cloud.internal.example", False),
        ("a.example:8443", "https://a.example:8443", True),
        ("a.example:8443", "https://a.example", False),
        ("a.example:443", "https://a.example", True),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://10.1.2.3:8443", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://ten.example", False),
        ("10.1.2.3:80", "http://10.1.2.3", True),
        ("10.1.2.3:80", "https://10.1.2.3", False),
        ("fe80::/10,[::1],.internal", "https://[fe80::1]", True),
        ("fe80::/10,[::1],.internal", "https://[::1]:8443", True),
        ("fe80::/10,[::1],.internal", "https://x.internal", True),
        ("fe80::/10,[::1],.internal", "https://[2001:db8::1]", False),
        ("[2001:db8::1]:443", "https://[2001:db8:0::1]", True),
        ("[2001:db8::1]:444", "https://[2001:db8::1]", False),
        ("2001:db8::1", "https://[2001:db8::1]", True),
        ("localhost 127.0.0.0/8", "http://127.0.0.1:80", True),
        ("", "https://a.example", False),
        (" , ,", "https://a.example", False),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_what_no_proxy_exempts(no_proxy, url, direct, variable):
    assert way(url, **{variable: no_proxy}) == (None if direct else PROXY)


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://a.example", None),
        ({"HTTPS_PROXY": "proxy:1"}, "https://a.example", "http://proxy:1"),
        ({"HTTPS_PROXY": "http://proxy:1"}, "http://a.example", None),
        ({"HTTP_PROXY": "http://proxy:1"}, "https://a.example", None),
        ({"ALL_PROXY": "http://proxy:1"}, "https://a.example", "http://proxy:1"),
        ({"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://own:1"}, "https://a.example", "http://own:1"),
        (
            {"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:1"},
            "https://a.example",
            "http://lower:1",
        ),
        ({"https_proxy": "", "HTTPS_PROXY": "http://upper:1"}, "https://a.example", None),
        ({"HTTPS_PROXY": "https://[2001:db8::1]:3128"}, "https://a.example", "https://[2001:db8::1]:3128"),
    ],
)
def test_which_variable_counts(environ, url, proxy):
    found = read_network(environ).proxy_for(url)
    assert (found.url if found else None) == proxy


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(("NO_PROXY", text) for text in (
            "http://a.example", "10.0.0.0/33", "[::1", "[::1]]", "::1/129", "a.example:99999", "a b@c", "a..b", "1.2.3",
            "256.1.1.1", "\x1b[31m", "a/b", "**", "[a.example]",
        )),
        *(("HTTPS_PROXY", text) for text in (
            "http://", "http://proxy:99999", "http://proxy:x", "ftp://c4nary@proxy", "http://[::1", "http://a b",
            "http://proxy/c4nary?x", "socks5://127.0.0.1:1080", "socks4://proxy",
        )),
        ("ALL_PROXY", "socks5://user:c4nary@127.0.0.1:1080"),
        ("SSL_CERT_FILE", "/missing"),
        ("SSL_CERT_FILE", __file__),
        ("SSL_CERT_FILE", "/"),
        ("FERRY_CLOUD_CA_FILE", "/missing"),
        ("SSL_CERT_DIR", "/missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line_that_names_the_variable(variable, value):
    with pytest.raises(NetworkSettingError) as wrong:
        read_network({variable: value})
    line = str(wrong.value)
    assert line.startswith(f"{variable}: ")
    assert line.isprintable()
    assert "c4nary" not in line


@given(st.sampled_from(["NO_PROXY", "HTTPS_PROXY", "ALL_PROXY"]), st.text())
def test_no_value_makes_a_traceback(variable, value):
    with contextlib.suppress(NetworkSettingError):
        read_network({variable: value}).proxy_for("https://a.example")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NO_PROXY", "fe80::/129"),
        ("ALL_PROXY", "socks5://127.0.0.1:1080"),
        ("HTTPS_PROXY", "http://proxy:port"),
        ("SSL_CERT_FILE", "/missing"),
    ],
)
@pytest.mark.parametrize("service", ["auth", "registry", "otosense", "telemetry"])
def test_a_service_does_not_start_with_it(service, variable, value):
    environ = {
        **os.environ,
        "FERRY_NATS__URL": "nats://127.0.0.1:1",
        "FERRY_THINGPLUS__URL": "https://cloud.invalid/v2",
        "FERRY_OTOSENSE__URL": "https://cloud.invalid",
        variable: value,
    }
    command = [sys.executable, "-m", f"ferry.{service}"]
    ended = subprocess.run(command, check=False, env=environ, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert f"{variable}: " in ended.stderr


def certificate(folder, *, host="localhost", days=1):
    """A self-signed certificate that may be trusted as it is: its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=10)).not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(pem)
    return folder / "cert.pem", folder / "key.pem"


@contextlib.asynccontextmanager
async def secure(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def words(url: str, **environ: str) -> str:
    async with CloudHttp(url, network=read_network(environ), timeout_s=10) as http:
        with pytest.raises(UnreachableError) as none:
            await http.send("GET", "/things")
    assert not none.value.ambiguous
    return str(none.value)


async def test_a_self_signed_cloud_is_named_as_such_and_trusted_when_asked_to(tmp_path):
    cert, key = certificate(tmp_path)
    async with secure(cert, key) as port:
        url = f"https://localhost:{port}"
        assert await words(url) == "no answer from the cloud: the certificate is self-signed"
        for variable, value in (
            ("SSL_CERT_FILE", cert),
            ("FERRY_CLOUD_CA_FILE", cert),
            ("SSL_CERT_DIR", tmp_path),
        ):
            async with CloudHttp(url, network=read_network({variable: str(value)})) as http:
                assert (await http.send("GET", "/things")).status == 200


async def test_an_expired_certificate_and_another_hosts_are_told_apart(tmp_path):
    for folder, more, expected in (
        ("a", {"days": -1}, "the certificate has expired"),
        ("b", {"host": "other.example"}, "the certificate is for another host name"),
    ):
        (tmp_path / folder).mkdir()
        cert, key = certificate(tmp_path / folder, **more)
        async with secure(cert, key) as port:
            assert expected in await words(f"https://localhost:{port}", SSL_CERT_FILE=str(cert))


async def test_names_ports_and_proxies_that_are_not_there():
    dead = free_port()
    assert "the name nowhere.invalid does not resolve" in await words("https://nowhere.invalid")
    assert "connection refused" in await words(f"http://127.0.0.1:{dead}")
    said = await words("https://cloud.invalid", HTTPS_PROXY=f"http://user:c4nary@127.0.0.1:{dead}")
    assert said.endswith(f"connection refused, through the proxy 127.0.0.1:{dead} (HTTPS_PROXY)")


async def handshake(port, ca):
    """As Python's default context verifies since 3.13."""
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.close()


async def test_a_certificate_without_key_identifiers_is_described_as_such(tmp_path):
    for name in ("with", "without"):
        write_server(tmp_path / name, "127.0.0.1", identified=name == "with")
    async with secure(tmp_path / "with" / "tls.crt", tmp_path / "with" / "tls.key") as port:
        await handshake(port, tmp_path / "with" / "ca.crt")
    ca = tmp_path / "without" / "ca.crt"
    async with secure(tmp_path / "without" / "tls.crt", tmp_path / "without" / "tls.key") as port:
        with pytest.raises(ssl.SSLCertVerificationError) as refused:
            await handshake(port, ca)
        assert "RFC 5280" in why_no_answer(texts_of(refused.value))
        url = f"https://127.0.0.1:{port}"
        if sys.version_info >= (3, 13):
            assert "RFC 5280" in await words(url, SSL_CERT_FILE=str(ca))
