"""Checks a sensor's certificate before any request: each problem names what was found and what is expected."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ferry.contract.ids import is_safe_id
from ferry.otosense.certificates.chain import in_order
from ferry.otosense.certificates.pem import read_pem
from ferry.otosense.certificates.problems import UNREADABLE, named, problem


@dataclass(frozen=True, slots=True)
class Chain:
    """`pem` is leaf first. `sensor_id` is the leaf's subject CN when that could be an id."""

    pem: str
    fingerprint: str
    sensor_id: str | None
    warnings: tuple[str, ...]


def read_chain(pem: str, now: datetime | None = None) -> Chain:
    """Raises ProblemError 400 whose type says what is wrong."""
    try:
        return _read(pem, now or datetime.now(UTC))
    except UNREADABLE:
        raise problem("certificate-damaged", "a certificate in it cannot be read") from None


def _read(pem: str, now: datetime) -> Chain:
    certificates, warnings = read_pem(pem)
    chain, more = in_order(certificates)
    leaf = chain[0]
    _check_times(leaf, now)
    warnings += more
    for one in chain[1:]:
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            warnings.append(f"the authority's certificate {named(one)} is not valid at this time")
    if len(chain) == 1:
        warnings.append("there is no authority's certificate, only the sensor's own")
    sensor_id = _common_name(leaf)
    if sensor_id is None:
        warnings.append("the certificate's common name is no sensor id; the cloud will name the sensor")
    ordered = "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)
    return Chain(ordered, leaf.fingerprint(hashes.SHA256()).hex(), sensor_id, tuple(warnings))


def _check_times(leaf: x509.Certificate, now: datetime) -> None:
    if now > leaf.not_valid_after_utc:
        raise problem(
            "certificate-expired",
            f"the certificate of {named(leaf)} ended on {leaf.not_valid_after_utc:%Y-%m-%d %H:%MZ}",
            hint="the sensor needs a new certificate from its maker",
        )
    if now < leaf.not_valid_before_utc:
        raise problem(
            "certificate-not-yet-valid",
            f"the certificate of {named(leaf)} begins on {leaf.not_valid_before_utc:%Y-%m-%d %H:%MZ}",
            hint=f"is this machine's clock right? It says {now:%Y-%m-%d %H:%MZ}",
        )


def _common_name(leaf: x509.Certificate) -> str | None:
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = str(names[0].value) if len(names) == 1 else ""
    return name if is_safe_id(name) else None
