"""Extracts the certificates from a text (RFC 7468 section 2 allows explanatory text around them)."""

import binascii
import re
from base64 import b64decode

from cryptography import x509

from ferry.contract.otosense import LARGEST_PEM
from ferry.contract.problems import ProblemError
from ferry.otosense.certificates.problems import AGAIN, UNREADABLE, problem

MOST_CERTIFICATES = 10
CERTIFICATE = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_WHAT = {
    "CERTIFICATE REQUEST": "a request for a certificate",
    "NEW CERTIFICATE REQUEST": "a request for a certificate",
    "PUBLIC KEY": "a public key",
    "RSA PUBLIC KEY": "a public key",
    "TRUSTED CERTIFICATE": "a certificate in OpenSSL's own form (`openssl x509` makes a plain one of it)",
    "PKCS7": "a PKCS #7 bundle (`openssl pkcs7 -print_certs` takes the certificates out)",
    "CMS": "a CMS message",
    "X509 CRL": "a list of revoked certificates",
}
_MARK = re.compile(r"-----(?P<side>BEGIN|END) (?P<label>[A-Z0-9 #]{1,40}?)-----", re.ASCII)
_BODY = re.compile(r"[A-Za-z0-9+/=]*", re.ASCII)


def read_pem(text: str) -> tuple[list[x509.Certificate], list[str]]:
    """Each certificate once, in the order given, and warnings. Raises ProblemError 400."""
    if len(text) > LARGEST_PEM:
        raise problem("certificate-too-large", f"it has more than {LARGEST_PEM} characters: {len(text)}")
    text = text.replace("\x00", "")  # UTF-16 that was read as something else
    text = text.replace("\\r", "").replace("\\n", "\n")  # as in an environment variable or a JSON text
    if "PRIVATE KEY-----" in text:
        hint = "send the certificate alone; treat this key as disclosed if it is in use"
        raise problem("private-key", "it contains a private key, which must never be sent", hint=hint)
    bodies = _bodies(text)
    if not bodies:
        raise _nothing(text)
    if len(bodies) > MOST_CERTIFICATES:
        title = f"there are more than {MOST_CERTIFICATES} certificates in it: {len(bodies)}"
        raise problem("certificate-too-large", title)
    found = list(dict.fromkeys(_certificate(body, number) for number, body in enumerate(bodies, 1)))
    twice = len(bodies) - len(found)
    return found, [f"{twice} of the certificates came more than once and are sent once"] if twice else []


def _bodies(text: str) -> list[str]:
    """What is between each BEGIN and its END. Raises ProblemError for anything but certificates."""
    bodies: list[str] = []
    begun: re.Match[str] | None = None
    for mark in _MARK.finditer(text):
        label = mark["label"]
        if label not in CERTIFICATE:
            what = _WHAT.get(label, f"a block {label!a}")
            raise problem("not-a-certificate", f"there is {what} in it, which is not a certificate")
        if (mark["side"] == "END") != (begun is not None):
            raise _cut_off(begun=begun is not None)
        if begun is None:
            begun = mark
            continue
        bodies.append("".join(text[begun.end() : mark.start()].split()))
        begun = None
    if begun is not None:
        raise _cut_off(begun=True)
    return bodies


def _cut_off(*, begun: bool) -> ProblemError:
    what = "begins and has no end" if begun else "ends and has no beginning"
    return problem("certificate-truncated", f"a certificate in it {what}: it is cut off", hint=AGAIN)


def _certificate(body: str, number: int) -> x509.Certificate:
    where = f"certificate {number} of the text"
    if not _BODY.fullmatch(body):
        raise problem("certificate-damaged", f"{where} has characters that are not Base64", hint=AGAIN)
    try:
        return x509.load_der_x509_certificate(b64decode(body, validate=True))
    except (binascii.Error, *UNREADABLE):
        raise problem("certificate-damaged", f"{where} cannot be read", hint=AGAIN) from None


def _nothing(text: str) -> ProblemError:
    if "-----BEGIN" in text or "CERTIFICATE" in text:
        title = "there is no complete line -----BEGIN CERTIFICATE----- in it"
        return problem("certificate-truncated", title, hint=AGAIN)
    title = "there is no PEM certificate in it" if text.strip() else "it is empty"
    return problem("not-pem", f"{title}; one begins with -----BEGIN CERTIFICATE-----")
