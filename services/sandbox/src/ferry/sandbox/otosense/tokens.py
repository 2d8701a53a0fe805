"""Client credentials: HTTP Basic, raw or form-encoded first, or in the body; opaque tokens that end."""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from ferry.sandbox.clock import Clock
from ferry.sandbox.fixtures import OtoSenseClient, OtoSenseFixture, OtoSenseTenant
from ferry.sandbox.state.note import Note, nothing_noted
from ferry.sandbox.web.refusal import RefusalError

DEFAULT_TTL_S = 3600.0
MOST_GRANTS = 100_000


@dataclass(frozen=True, slots=True)
class Grant:
    tenant: str
    client_id: str
    expires_at_s: float


@dataclass(slots=True)
class TokenRules:
    ttl_s: float = DEFAULT_TTL_S
    expires_in: bool = True
    expires_in_as_string: bool = False


class TokenDesk:
    def __init__(self, fixture: OtoSenseFixture, clock: Clock) -> None:
        self.tenants = {tenant.name: tenant for tenant in fixture.tenants}
        self.rules = TokenRules()
        self.issued = 0
        self._clock = clock
        self.grants: dict[str, Grant] = {}
        """By token, also those that have expired."""
        self.note: Note = nothing_noted

    def token(self, authorization: str, given: dict[str, Any]) -> dict[str, Any]:
        """Raises RefusalError: 400 for another grant, 401 for credentials that nobody has."""
        if given.get("grant_type") != "client_credentials":
            raise RefusalError(400, {"message": "grant_type must be client_credentials"})
        found = self._client(_credentials(authorization, given))
        if found is None:
            raise RefusalError(401, {"message": "Unauthorized"}, {"WWW-Authenticate": "Basic"})
        tenant, client = found
        token = _opaque()
        expires_at_s = self._clock.now_s() + self.rules.ttl_s
        grant = Grant(tenant.name, client.id, expires_at_s)
        self.keep_token(token, grant)
        self.note("grant", {"token": token, "grant": grant})
        self.issued += 1
        answer: dict[str, Any] = {"token_type": "bearer", "access_token": token}
        if self.rules.expires_in:
            life = int(self.rules.ttl_s)
            answer["expires_in"] = str(life) if self.rules.expires_in_as_string else life
        return answer | {"scope": f"service.sms tenant.tid.{tenant.name} role.standard"}

    def keep_token(self, token: str, grant: Grant) -> None:
        while len(self.grants) >= MOST_GRANTS:
            del self.grants[next(iter(self.grants))]
        self.grants[token] = grant

    def tenant_of(self, authorization: str) -> str:
        found = self.grants.get(authorization.partition(" ")[2])
        return found.tenant if found else ""

    def bearer(self, authorization: str) -> Grant:
        kind, _, token = authorization.partition(" ")
        found = self.grants.get(token) if kind.lower() == "bearer" else None
        if found is None or found.expires_at_s <= self._clock.now_s():
            raise RefusalError(401, {"message": "Unauthorized"}, {"WWW-Authenticate": "Bearer"})
        return found

    def revoke(self, tenant: str | None) -> int:
        gone = [token for token, grant in self.grants.items() if tenant in {None, grant.tenant}]
        for token in gone:
            del self.grants[token]
        self.note("revoked", {"cloud": "otosense", "tenant": tenant})
        return len(gone)

    def _client(self, candidates: list[tuple[str, str]]) -> tuple[OtoSenseTenant, OtoSenseClient] | None:
        for name, secret in candidates:
            for tenant in self.tenants.values():
                for client in tenant.clients:
                    stored = client.secret.encode("utf-8", "surrogatepass")
                    same = hmac.compare_digest(stored, secret.encode("utf-8", "surrogatepass"))
                    if client.id == name and client.enabled and same:
                        return tenant, client
        return None


def _opaque() -> str:
    """Like the guide's sample: outside RFC 6750's b64token grammar, so that no client relies on it."""
    parts = (base64.b64encode(secrets.token_bytes(size)).decode() for size in (11, 10, 10, 20, 9))
    return ".".join(parts)


def _credentials(authorization: str, given: dict[str, Any]) -> list[tuple[str, str]]:
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return [(str(given.get("client_id", "")), str(given.get("client_secret", "")))]
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    name, colon, secret = text.partition(":")
    if not colon:
        return []
    return [(name, secret), (unquote_plus(name), unquote_plus(secret))]
