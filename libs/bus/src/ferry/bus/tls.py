"""What a refused certificate needs."""

import ssl

STRICT = range(80, 94)
"""OpenSSL's X509_V_ERR_… that only strict verification raises; Python's default context is strict since 3.13."""


def certificate_hint(error: BaseException) -> str | None:
    """What to do about a certificate that Python 3.13 and newer refuse; None for every other error."""
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in STRICT:
        return (
            "Python 3.13 and newer require what RFC 5280 does: issue the server's certificate and its authority's "
            "again, with key identifiers, key usage and basic constraints"
        )
    return None
