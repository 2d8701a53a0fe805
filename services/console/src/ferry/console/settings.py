"""Settings of the console: where it listens and who may sign in."""

import ipaddress
import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from ferry.runtime.settings import RuntimeSettings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SHORTEST_TOKEN = 24
"""Characters. Nothing counts attempts: a token that is random and of this length is not guessed."""


def _networks(text: str) -> str:
    networks(text)
    return text


def networks(text: str) -> tuple[Network, ...]:
    """The addresses and networks of a list with commas. Raises ValueError."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


class PageSettings(BaseModel):
    """Where the console listens and who may sign in. `tokens` or `proxies` must be set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "0.0.0.0"
    """Address that the console binds to."""
    port: int = 8081
    """Port of the console. `/livez`, `/readyz` and `/metrics` stay on the health port."""
    tokens: dict[str, SecretStr] = {}
    """Token of each person, 24 characters or more: `FERRY_CONSOLE__TOKENS__<NAME>`, or all in one JSON object."""
    proxies: Annotated[str, AfterValidator(_networks)] = ""
    """Addresses and networks, separated by commas, of proxies that sign people in (OIDC)."""
    user_header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] = "X-Forwarded-User"
    """Header in which such a proxy names the person. The proxy must remove it from what browsers send."""
    origin: Annotated[str, Field(pattern=r"^https?://[^/@?#\s]+$")] | None = None
    """Address of the console in a browser, such as `https://ferry.example.org`; needed when a proxy changes `Host`."""
    cookie_key: Annotated[SecretStr, Field(min_length=SHORTEST_TOKEN)] | None = None
    """Signs the sessions. Random when unset: a restart signs everybody out, and replicas do not share sessions."""
    session_s: Annotated[float, Field(gt=0)] = 8 * 3600
    """Seconds that a session lasts."""

    @model_validator(mode="after")
    def _somebody_can_sign_in(self) -> Self:
        if not self.tokens and not networks(self.proxies):
            raise ValueError(
                "nobody could sign in: set FERRY_CONSOLE__TOKENS__<NAME>, or FERRY_CONSOLE__PROXIES"
            )
        for name, token in self.tokens.items():
            if not re.fullmatch(r"[\w.@+-]{1,100}", name):
                raise ValueError("a name in FERRY_CONSOLE__TOKENS has letters, digits and . _ @ + - alone")
            if len(token.get_secret_value()) < SHORTEST_TOKEN:
                raise ValueError(f"the token of {name} has fewer than {SHORTEST_TOKEN} characters")
        if len({token.get_secret_value() for token in self.tokens.values()}) < len(self.tokens):
            raise ValueError("two people in FERRY_CONSOLE__TOKENS have the same token")
        return self


class ConsoleServiceSettings(RuntimeSettings):
    console: PageSettings
