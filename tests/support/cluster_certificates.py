"""The certificates of a control plane: an authority, and who it signs as server and client."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from certificates import CERT_SIGN
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BOTH_SIDES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Authority:
    """Writes `<name>.key` and `<name>.crt` into a folder, `ca.crt` among them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-cluster")])
        extension = x509.BasicConstraints(ca=True, path_length=0)
        made = self._builder(self._name, self._key).add_extension(extension, critical=True)
        made = made.add_extension(CERT_SIGN, critical=True)
        self._write("ca", made)

    def key(self, name: str) -> ec.EllipticCurvePrivateKey:
        key = ec.generate_private_key(ec.SECP256R1())
        # the API server wants SEC 1 for the key that signs service accounts' tokens
        text = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (self._folder / f"{name}.key").write_bytes(text)
        return key

    def sign(self, name: str, user: str, *, group: str | None = None, hosts: list[str] | None = None) -> None:
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
        if group:
            parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        made = self._builder(x509.Name(parts), self.key(name)).add_extension(BOTH_SIDES, critical=False)
        if hosts:
            names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
            made = made.add_extension(names, critical=False)
        self._write(name, made)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        signer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(own_id, critical=False)
            .add_extension(signer_id, critical=False)
        )

    def _write(self, name: str, made: x509.CertificateBuilder) -> None:
        certificate = made.sign(self._key, hashes.SHA256())
        (self._folder / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
