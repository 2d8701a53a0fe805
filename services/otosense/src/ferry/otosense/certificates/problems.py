"""The problems of certificates that cannot be used."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ferry.contract.problems import ProblemError

UNREADABLE = (
    *(ValueError, TypeError, OverflowError, UnsupportedAlgorithm, InvalidSignature),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
"""What `cryptography` raises for arbitrary bytes."""
WANTED = "send the sensor's own certificate in PEM, followed by those of its authorities"
AGAIN = "get it from the sensor again"
_LONGEST_NAME = 80


def problem(kind: str, title: str, *, hint: str = WANTED) -> ProblemError:
    return ProblemError.of(kind, 400, title, field="cert", hint=hint)


def named(certificate: x509.Certificate) -> str:
    """Its subject's common name, printable and quoted, for a sentence."""
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        name = str(names[0].value) if names else certificate.subject.rfc4514_string()
    except UNREADABLE:
        return "an unreadable name"
    return f"{name[:_LONGEST_NAME]!a}" if name else "an empty name"
