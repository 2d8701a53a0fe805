"""Finds the path from a sensor's certificate to its authorities, whatever their order."""

from collections.abc import Iterator, Sequence
from itertools import islice

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from ferry.otosense.certificates.problems import UNREADABLE, named, problem

MOST_PATHS = 1000
"""Ten certificates that all sign one another have 362,880."""
Certificates = Sequence[x509.Certificate]


def in_order(found: Certificates) -> tuple[list[x509.Certificate], list[str]]:
    """Leaf first, each issued by the next, and warnings. Raises ProblemError 400.

    Of cross-signed authorities there are several paths: the longest is sent, of two alike the one that came first.
    """
    issuers = {one: [other for other in found if other is not one and _issued(one, other)] for one in found}
    leaf = _leaf(found, issuers)
    reachable = _reachable(leaf, issuers)
    if strangers := [one for one in found if one not in reachable]:
        names = ", ".join(named(one) for one in strangers)
        title = f"the certificates do not form one chain: that of {named(leaf)} was not issued by {names}"
        raise problem("chain-broken", title)
    chain = max(islice(_paths([leaf], issuers), MOST_PATHS), key=len)
    warnings = []
    if left := len(found) - len(chain):
        warnings.append(
            f"its authorities are cross-signed: one path is sent, {left} other certificate(s) are not"
        )
    elif chain != list(found):
        warnings.append("the chain was not leaf first; it was put in order")
    return chain, warnings


def _leaf(found: Certificates, issuers: dict[x509.Certificate, list[x509.Certificate]]) -> x509.Certificate:
    """The one certificate of a sensor. Raises ProblemError."""
    own = [one for one in found if not _is_authority(one)]
    if not own:
        names = ", ".join(named(one) for one in found)
        title = f"only an authority's certificate is in it ({names}); a sensor's own is wanted"
        raise problem("only-authorities", title)
    leaves = [one for one in own if not any(one in above for above in issuers.values())]
    if len(leaves) != 1:
        names = ", ".join(named(one) for one in leaves or own)
        title = f"there are {len(leaves)} sensors' certificates in it ({names}); one is wanted"
        raise problem("two-leaves", title, hint="send one sensor's chain at a time")
    return leaves[0]


def _reachable(
    leaf: x509.Certificate, issuers: dict[x509.Certificate, list[x509.Certificate]]
) -> set[x509.Certificate]:
    seen, next_ones = {leaf}, [leaf]
    while next_ones:
        above = [one for one in issuers[next_ones.pop()] if one not in seen]
        seen.update(above)
        next_ones += above
    return seen


def _paths(
    path: list[x509.Certificate], issuers: dict[x509.Certificate, list[x509.Certificate]]
) -> Iterator[list[x509.Certificate]]:
    """Every way on from the path's end, the one that came first in front."""
    above = [one for one in issuers[path[-1]] if one not in path]
    if not above:
        yield path
    for one in above:
        yield from _paths([*path, one], issuers)


def _issued(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
    except UNREADABLE:
        return False
    return True


def _is_authority(one: x509.Certificate) -> bool:
    """By its basic constraints (RFC 5280 section 4.2.1.9); a certificate of version 1 has none and may be either."""
    try:
        constraints = one.extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return isinstance(constraints, x509.BasicConstraints) and constraints.ca
