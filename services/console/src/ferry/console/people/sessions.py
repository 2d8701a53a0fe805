"""A session is a signed cookie; the server stores nothing."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import SecretStr

from ferry.console.people.person import Person, Session
from ferry.console.settings import PageSettings

COOKIE = "ferry_console"


class Sessions:
    """Another token of anybody makes all earlier cookies worthless: the key is made of all of them."""

    def __init__(self, settings: PageSettings) -> None:
        self._tokens: Mapping[str, SecretStr] = settings.tokens
        self._life_s = settings.session_s
        given = settings.cookie_key.get_secret_value() if settings.cookie_key else secrets.token_hex(32)
        words = sorted(f"{name}={token.get_secret_value()}" for name, token in settings.tokens.items())
        key = hmac.digest(given.encode(), "\n".join(words).encode(), hashlib.sha256)
        self._signer = URLSafeTimedSerializer(key, salt="ferry-console-session")

    def owner_of(self, token: str) -> Person | None:
        """Whose token it is. Every one is compared, so that the time says nothing."""
        given = token.encode(errors="replace")
        found = [
            name
            for name, known in self._tokens.items()
            if hmac.compare_digest(given, known.get_secret_value().encode())
        ]
        return Person(found[0], "token") if found else None

    def begin(self, person: Person) -> Session:
        return Session(person, secrets.token_urlsafe(24))

    def seal(self, session: Session) -> str:
        content = [session.person.name, session.person.by, session.form_token]
        return str(self._signer.dumps(content))

    def open(self, cookie: str) -> Session | None:
        """None if it is not genuine, too old, or of a person whose token was removed."""
        try:
            name, by, form_token = self._signer.loads(cookie, max_age=int(self._life_s))
        except (BadData, ValueError, TypeError):
            return None
        if by == "token" and name not in self._tokens:
            return None
        return Session(Person(name, by), form_token)
