"""Reads certificate files with a byte order mark, in UTF-16, or with any text around the PEM."""

import codecs
from pathlib import Path

from ferry.contract.otosense import LARGEST_PEM
from ferry.contract.problems import ProblemError

_LONGEST_CHARACTER = 4
_MOST_BYTES = _LONGEST_CHARACTER * (LARGEST_PEM + 1)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32 first: its little-endian mark begins with that of UTF-16."""
_BEGIN = "-----BEGIN"
_DER = (b"\x30\x80", b"\x30\x81", b"\x30\x82", b"\x30\x83")


def read_pem_file(path: Path) -> str:
    """The text to send. Raises ProblemError for what is none, is too long, or has a private key in it."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ProblemError.of("unreadable", 400, f"the file cannot be read: {error.strerror}") from None
    text = _text(data)
    if len(data) > _MOST_BYTES or len(text) > LARGEST_PEM:
        raise _refused("certificate-too-large", f"the file has more than {LARGEST_PEM} characters")
    if "PRIVATE KEY-----" in text:
        hint = "give only the certificate; the key was not sent anywhere"
        raise _refused("private-key", "the file contains a private key, which must never be sent", hint)
    if _BEGIN not in text:
        raise _no_pem(data, text)
    return text


def _text(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\x00" in data and not data.startswith(
        _DER
    ):  # UTF-16 without a mark: every second byte of ASCII is 0
        return data.decode("utf-16-be" if data[:1] == b"\x00" else "utf-16-le", "replace")
    return data.decode(errors="replace")


def _no_pem(data: bytes, text: str) -> ProblemError:
    if data.startswith(_DER):
        hint = "`openssl x509 -inform der -in FILE -out cert.pem` converts it to PEM"
        return _refused("not-pem", "the file is a binary certificate (DER) or key store, not PEM", hint)
    if not text.strip():
        return _refused("not-pem", "the file is empty; it must contain a certificate in PEM")
    title = f"there is no PEM in the file; a certificate begins with {_BEGIN} CERTIFICATE-----"
    return _refused("not-pem", title)


def _refused(kind: str, title: str, hint: str | None = None) -> ProblemError:
    return ProblemError.of(kind, 400, title, hint=hint or "give the sensor's own certificate in PEM")
