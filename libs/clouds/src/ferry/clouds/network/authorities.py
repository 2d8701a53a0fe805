"""Certificate authorities that are trusted in addition to the public ones."""

import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import certifi

from ferry.clouds.network.errors import NetworkSettingError

CA_FILE_VARIABLE = "FERRY_CLOUD_CA_FILE"
"""A file for Ferry alone; SSL_CERT_FILE and SSL_CERT_DIR are OpenSSL's."""
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_ONE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


def read_authorities(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """Each certificate in PEM. Raises NetworkSettingError for one that is missing or holds no certificate."""
    bundles = list(_bundles(environ))
    found = tuple(dict.fromkeys(one + b"\n" for _, _, pem in bundles for one in _ONE.findall(pem)))
    if not all(_ONE.search(pem) for _, _, pem in bundles) or not _can_be_loaded(found):
        for variable, path, pem in bundles:  # one by one, to name the one that is wrong
            if not _can_be_loaded(_ONE.findall(pem)):
                raise NetworkSettingError(variable, f"{str(path)!r} holds no certificate in PEM")
    return found


def tls_context(authorities: tuple[bytes, ...]) -> ssl.SSLContext:
    """The public authorities of certifi, and these."""
    context = ssl.create_default_context(cafile=certifi.where())
    if authorities:
        context.load_verify_locations(cadata=b"".join(authorities).decode("ascii"))
    return context


def _bundles(environ: Mapping[str, str]) -> Iterator[tuple[str, Path, bytes]]:
    """Each file that a variable names, and each certificate's file in the folders of SSL_CERT_DIR."""
    for variable in (CA_FILE_VARIABLE, "SSL_CERT_FILE"):
        if environ.get(variable):
            path = Path(environ[variable])
            yield variable, path, _read(variable, path)
    for folder in environ["SSL_CERT_DIR"].split(":") if environ.get("SSL_CERT_DIR") else ():
        for path, pem in _folder("SSL_CERT_DIR", Path(folder)):
            yield "SSL_CERT_DIR", path, pem


def _folder(variable: str, folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Files of a folder of OpenSSL's, each once; what is not a certificate there is passed over."""
    if not folder.is_dir():
        raise NetworkSettingError(variable, f"there is no folder {str(folder)!r}")
    for path in sorted({path.resolve() for path in folder.iterdir() if path.is_file()}):
        pem = _read(variable, path)
        if _BEGIN in pem:
            yield path, pem


def _read(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NetworkSettingError(variable, f"there is no file {str(path)!r}") from None
    except OSError as error:
        raise NetworkSettingError(variable, f"{str(path)!r} cannot be read: {error.strerror}") from None


def _can_be_loaded(certificates: Iterable[bytes]) -> bool:
    try:
        text = b"\n".join(certificates).decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):  # a body that is not base64, or not ASCII
        return False
    return True
