"""The certificate of a sensor, checked before any call: each problem has a name and something to do."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ferry.contract.ids import is_safe_id
from ferry.contract.problems import ProblemError

LARGEST = 64 * 1024
"""Characters; a chain of ten certificates with 4096-bit keys takes a third."""
MOST_CERTIFICATES = 10
BEGIN, END = "-----BEGIN ", "-----END "
CERTIFICATE = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Chain:
    """`pem` is leaf first. `sensor_id` is the leaf's subject CN when that could be an id."""

    pem: str
    fingerprint: str
    sensor_id: str | None
    warnings: tuple[str, ...]


def read_chain(pem: str, now: datetime | None = None) -> Chain:
    """Raises ProblemError 400 whose type says what is wrong."""
    moment = now or datetime.now(UTC)
    found = _parse(pem)
    chain = _in_order(found)
    leaf, warnings = chain[0], []
    if chain != found:
        warnings.append("the chain was not leaf first; it was put in order")
    _check_times(leaf, moment)
    if any(not one.not_valid_before_utc <= moment <= one.not_valid_after_utc for one in chain[1:]):
        warnings.append("an authority's certificate in the chain is not valid at this time")
    if len(chain) == 1:
        warnings.append("there is no authority's certificate beside the sensor's own")
    sensor_id = _common_name(leaf)
    if sensor_id is None:
        warnings.append("the certificate's common name is no sensor id; the cloud will name the sensor")
    ordered = "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)
    return Chain(ordered, leaf.fingerprint(hashes.SHA256()).hex(), sensor_id, tuple(warnings))


def _parse(pem: str) -> list[x509.Certificate]:
    if len(pem) > LARGEST:
        raise _problem("certificate-too-large", f"the certificate has more than {LARGEST} characters")
    if "PRIVATE KEY-----" in pem:
        hint = "send the certificate alone; treat this key as disclosed if it is in use"
        raise _problem("private-key", "there is a private key in it, which nobody may send", hint)
    if CERTIFICATE not in pem:
        kind = "not-pem" if BEGIN not in pem else "not-a-certificate"
        raise _problem(kind, f"there is no PEM certificate in it; one begins with {CERTIFICATE}")
    if pem.count(BEGIN) != pem.count(CERTIFICATE):
        raise _problem("not-a-certificate", "there is something in it that is no certificate")
    if pem.count(BEGIN) != pem.count(END):
        raise _problem("certificate-truncated", "the certificate is cut off", "get it from the sensor again")
    if pem.count(BEGIN) > MOST_CERTIFICATES:
        raise _problem("certificate-too-large", f"there are more than {MOST_CERTIFICATES} certificates")
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _problem(
            "certificate-damaged", "the certificate cannot be read", "get it from the sensor again"
        ) from None


def _in_order(found: list[x509.Certificate]) -> list[x509.Certificate]:
    """The one order in which each is issued by the next, from the one that issued none."""
    issuers = [[other for other in found if other is not one and _issued(one, other)] for one in found]
    leaves = [one for one in found if not any(other is not one and _issued(other, one) for other in found)]
    if len(leaves) != 1:
        text = f"there are {len(leaves)} sensor certificates in it, or none of them issued another"
        raise _problem("two-leaves", text, "send one sensor's chain at a time")
    chain = [leaves[0]]
    while len(chain) < len(found):
        above = [other for other in issuers[found.index(chain[-1])] if other not in chain]
        if not above:
            raise _problem("chain-broken", "the certificates do not form one chain")
        chain.append(above[0])
    return chain


def _issued(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_times(leaf: x509.Certificate, now: datetime) -> None:
    if now > leaf.not_valid_after_utc:
        raise _problem(
            "certificate-expired",
            f"the certificate ended on {leaf.not_valid_after_utc:%Y-%m-%d %H:%MZ}",
            "the sensor needs a new certificate from its maker",
        )
    if now < leaf.not_valid_before_utc:
        raise _problem(
            "certificate-not-yet-valid",
            f"the certificate begins on {leaf.not_valid_before_utc:%Y-%m-%d %H:%MZ}",
            "is this machine's clock right?",
        )


def _common_name(leaf: x509.Certificate) -> str | None:
    try:
        names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return None
    name = str(names[0].value) if len(names) == 1 else ""
    return name if is_safe_id(name) else None


def _problem(kind: str, title: str, hint: str = "send the sensor's certificate as PEM") -> ProblemError:
    return ProblemError.of(kind, 400, title, field="cert", hint=hint)
