"""Access tokens (JWT, HS256) and portal sessions, and how Thing+ refuses a bad one."""

import secrets
from dataclasses import dataclass
from typing import Any

import jwt

from ferry.sandbox.clock import Clock, iso
from ferry.sandbox.fixtures import AuthClient
from ferry.sandbox.state.note import Note, nothing_noted
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.envelope import ThingPlusError
from ferry.sandbox.web.refusal import RefusalError

DEFAULT_TTL_S = 90 * 24 * 3600
MOST_TOKENS = 100_000
SESSION_COOKIE = "dwTPlus"


@dataclass(frozen=True, slots=True)
class Principal:
    tenant: str
    user_id: str
    scopes: frozenset[str]
    expires_at_s: float


@dataclass(slots=True)
class TokenRules:
    """What tests may change about the tokens that are issued from now on."""

    ttl_s: float = DEFAULT_TTL_S
    expires_in: bool = False
    clock_skew_s: float = 0.0


class TokenDesk:
    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self.rules = TokenRules()
        self.issued = 0
        self._accounts = accounts
        self._clock = clock
        self.key = secrets.token_bytes(32)
        """Signs every token."""
        self.principals: dict[str, Principal] = {}
        """By token, also those that have expired."""
        self.sessions: dict[str, Principal] = {}
        self.note: Note = nothing_noted

    def issue(self, tenant: str, user_id: str, client: AuthClient) -> dict[str, Any]:
        now = self._clock.now_s()
        printed = now + self.rules.clock_skew_s
        claims = {
            "userId": user_id,
            "clientId": client.id,
            "iat": int(printed),
            "exp": int(printed + self.rules.ttl_s),
            "jti": secrets.token_hex(8),
        }
        token = jwt.encode(claims, self.key, algorithm="HS256")
        who = Principal(tenant, user_id, frozenset(client.scopes), now + self.rules.ttl_s)
        self.keep_token(token, who)
        self.note("token", {"token": token, "who": who})
        self.issued += 1
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        if self.rules.expires_in:
            answer["expires_in"] = int(self.rules.ttl_s)
        return answer

    def keep_token(self, token: str, who: Principal) -> None:
        make_room(self.principals, MOST_TOKENS)
        self.principals[token] = who

    def keep_session(self, key: str, who: Principal) -> None:
        make_room(self.sessions, MOST_TOKENS)
        self.sessions[key] = who

    def revoke(self, tenant: str | None) -> int:
        """Ends every token and session of one tenant, or of all; answers how many tokens."""
        before = len(self.principals)
        for issued in (self.principals, self.sessions):
            for key in [key for key, who in issued.items() if tenant in {None, who.tenant}]:
                del issued[key]
        self.note("revoked", {"cloud": "thingplus", "tenant": tenant})
        return before - len(self.principals)

    def tenant_of(self, authorization: str) -> str:
        found = self.principals.get(authorization.partition(" ")[2])
        return found.tenant if found else ""

    def bearer(self, authorization: str) -> Principal:
        """Raises RefusalError in the shapes that Thing+ has for each way to be wrong."""
        kind, _, token = authorization.partition(" ")
        if not token or kind.lower() != "bearer":
            raise RefusalError(401, "Access denied")
        found = self.principals.get(token)
        if found is None:
            raise self._refused(token)
        if found.expires_at_s <= self._clock.now_s():
            raise _jwt_refusal(401, "TokenExpiredError", "jwt expired", expiredAt=iso(found.expires_at_s))
        if not self._accounts.is_active(found.tenant, found.user_id):
            raise RefusalError(401, "Access denied")
        return found

    def _refused(self, token: str) -> RefusalError:
        try:
            jwt.decode(token, self.key, algorithms=["HS256"], options={"verify_exp": False})
        except jwt.InvalidSignatureError:
            return _jwt_refusal(401, "JsonWebTokenError", "invalid signature")
        except (jwt.PyJWTError, ValueError, RecursionError):
            if token.count(".") != 2:  # noqa: PLR2004 - a JWT has three parts
                return _jwt_refusal(403, "JsonWebTokenError", "jwt malformed")
        return _jwt_refusal(401, "JsonWebTokenError", "invalid token")

    def open_session(self, tenant: str, user_id: str, scopes: frozenset[str]) -> str:
        key = secrets.token_urlsafe(32)
        expires_at_s = self._clock.now_s() + DEFAULT_TTL_S
        who = Principal(tenant, user_id, scopes, expires_at_s)
        self.keep_session(key, who)
        self.note("session", {"key": key, "who": who})
        return key

    def close_session(self, key: str) -> None:
        self.sessions.pop(key, None)
        self.note("session", {"key": key, "who": None})

    def session(self, key: str) -> Principal:
        """Raises ThingPlusError when there is no such session."""
        found = self.sessions.get(key)
        active = (
            found is not None
            and found.expires_at_s > self._clock.now_s()
            and self._accounts.is_active(found.tenant, found.user_id)
        )
        if found is None or not active:
            raise ThingPlusError(401, "NEED_LOGIN", "log in to the portal first")
        return found


def make_room(issued: dict[str, Any], most: int) -> None:
    """Ends the oldest ones, so that no number of logins fills the memory."""
    while len(issued) >= most:
        del issued[next(iter(issued))]


def _jwt_refusal(status: int, name: str, message: str, **more: str) -> RefusalError:
    return RefusalError(status, {"name": name, "message": message, **more})
