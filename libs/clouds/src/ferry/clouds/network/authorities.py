"""Certificate authorities that are trusted beside the public ones."""

import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import certifi

from ferry.clouds.network.errors import NetworkSettingError

CA_FILE_VARIABLE = "FERRY_CLOUD_CA_FILE"
"""A file for Ferry alone; SSL_CERT_FILE and SSL_CERT_DIR are OpenSSL's."""
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_ONE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


def read_authorities(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """Each certificate in PEM. Raises NetworkSettingError for one that is missing or holds no certificate."""
    variables = (CA_FILE_VARIABLE, "SSL_CERT_FILE")
    bundles = [_pem(variable, Path(environ[variable])) for variable in variables if environ.get(variable)]
    if environ.get("SSL_CERT_DIR"):
        for folder in environ["SSL_CERT_DIR"].split(":"):
            bundles += _folder("SSL_CERT_DIR", Path(folder))
    return tuple(dict.fromkeys(one + b"\n" for bundle in bundles for one in _ONE.findall(bundle)))


def tls_context(authorities: tuple[bytes, ...]) -> ssl.SSLContext:
    """The public authorities of certifi, and these."""
    context = ssl.create_default_context(cafile=certifi.where())
    if authorities:
        context.load_verify_locations(cadata=b"".join(authorities).decode("ascii"))
    return context


def _pem(variable: str, path: Path) -> bytes:
    try:
        pem = path.read_bytes()
        certificates = b"\n".join(_ONE.findall(pem)).decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except FileNotFoundError:
        raise NetworkSettingError(variable, f"there is no file {str(path)!r}") from None
    except (ssl.SSLError, ValueError):  # a body that is not base64, or not ASCII
        raise NetworkSettingError(variable, f"{str(path)!r} holds no certificate in PEM") from None
    except OSError as error:
        raise NetworkSettingError(variable, f"{str(path)!r} cannot be read: {error.strerror}") from None
    return pem


def _folder(variable: str, folder: Path) -> Iterator[bytes]:
    """Files of a folder of OpenSSL's; what is not a certificate there is passed over."""
    if not folder.is_dir():
        raise NetworkSettingError(variable, f"there is no folder {str(folder)!r}")
    for path in sorted(folder.iterdir()):
        if path.is_file() and _BEGIN in path.read_bytes():
            yield _pem(variable, path)
