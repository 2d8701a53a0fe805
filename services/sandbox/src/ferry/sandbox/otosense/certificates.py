"""The PEM chain of a sensor: really parsed, leaf first, belonging together, not expired."""

import re
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

LARGEST = 64 * 1024
MOST_CERTIFICATES = 10
BEGIN = "-----BEGIN "
_SENSOR_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")


class CertificateError(ValueError):
    """Says in one sentence what is wrong with a chain."""


def leaf_of(pem: str, now_s: float) -> tuple[str, bytes]:
    """The sensor's id (the leaf's subject CN) and the leaf in DER. Raises CertificateError."""
    chain = _parse(pem)
    leaf = chain[0]
    for child, issuer in pairwise(chain):
        try:
            child.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise CertificateError("the certificates do not form a chain with the leaf first") from None
    now = datetime.fromtimestamp(now_s, UTC)
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise CertificateError("the certificate is not valid at this time")
    return _common_name(leaf), leaf.public_bytes(encoding=Encoding.DER)


def _parse(pem: str) -> list[x509.Certificate]:
    if len(pem) > LARGEST:
        raise CertificateError(f"the certificate is longer than {LARGEST} characters")
    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise CertificateError("cert is not an X.509 certificate in PEM") from None
    if pem.count(BEGIN) != len(chain):
        raise CertificateError("cert contains something other than complete certificates")
    if len(chain) > MOST_CERTIFICATES:
        raise CertificateError(f"there are more than {MOST_CERTIFICATES} certificates")
    return chain


def _common_name(leaf: x509.Certificate) -> str:
    try:
        names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        names = []
    name = str(names[0].value) if len(names) == 1 else ""
    if not _SENSOR_ID.fullmatch(name):
        raise CertificateError("the leaf's subject has no common name that could be a sensor id")
    return name
