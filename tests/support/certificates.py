"""X.509 certificates as sensors carry them, made afresh by `cryptography`."""

from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

AUTHORITY = x509.BasicConstraints(ca=True, path_length=0)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


CERT_SIGN, DIGITAL_SIGNATURE = _usage(ca=True), _usage(ca=False)
"""Since Python 3.13 an authority must have it, and a leaf its authority's key identifier."""
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def key(kind: str) -> Key:
    """One key of each kind is enough: what differs between tests is the certificates."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key() -> str:
    return (
        key("rsa")
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


def chain(common_name: str, kind: str = "ec") -> str:
    """A leaf and the authority that issued it, leaf first."""
    authority = _name("Sensor CA")
    issuer = ec.generate_private_key(ec.SECP256R1())
    leaf = _certificate(_name(common_name), authority, key(kind), issuer, 365)
    return leaf + _certificate(authority, authority, issuer, issuer, 3650)


def self_signed(common_name: str, days: int = 365) -> str:
    name = _name(common_name)
    return _certificate(name, name, key("ec"), key("ec"), days)


def write_server(folder: Path, address: str, *, identified: bool = True) -> None:
    """`ca.crt`, and `tls.crt` and `tls.key` of a server at an IP address, as PEM files.

    Without `identified` they have no key identifiers, as certificates of many a hand-made authority.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority, issuer = _name("Bus CA"), ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    own = ec.generate_private_key(ec.SECP256R1())
    (folder / "ca.crt").write_text(
        _certificate(authority, authority, issuer, issuer, 3650, AUTHORITY, identified)
    )
    (folder / "tls.crt").write_text(
        _certificate(_name("nats"), authority, own, issuer, 365, names, identified)
    )
    (folder / "tls.key").write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    own: Key,
    signer: Key,
    days: int,
    extension: x509.ExtensionType | None = None,
    identified: bool = True,
) -> str:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
    )
    if identified:
        own_id = x509.SubjectKeyIdentifier.from_public_key(own.public_key())
        signer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(own_id, critical=False).add_extension(signer_id, critical=False)
    if extension is not None:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    if isinstance(extension, x509.BasicConstraints) and extension.ca:
        builder = builder.add_extension(CERT_SIGN, critical=True)
    made = builder.sign(signer, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


class Authority:
    """An authority with a key of its own, which may issue certificates and sign those of others."""

    def __init__(self, name: str) -> None:
        self.name = _name(name)
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def root(self) -> str:
        """Its certificate, signed by itself."""
        return self.signed_by(self)

    def signed_by(self, other: "Authority", days: int = 3650) -> str:
        """Its certificate as another authority signs it."""
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        return _certificate(self.name, other.name, self.key, other.key, days, constraints)

    def issue(self, common_name: str, days: int = 365) -> str:
        """A sensor's certificate."""
        constraints = x509.BasicConstraints(ca=False, path_length=None)
        return _certificate(_name(common_name), self.name, key("ec"), self.key, days, constraints)
