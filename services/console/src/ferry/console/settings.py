"""What the console reads: where it listens, and whom it believes."""

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
    """Where the page is, and who may sign in. At least one of `tokens` and `proxies` must be given.

    `tokens` are a person's name and the token that they sign in with. A request that comes from one of `proxies`
    (addresses or networks, with commas) is of the person that `user_header` names; from elsewhere it is ignored.
    `origin` is the page's own address in a browser, such as https://ferry.example.org, where a proxy changes `Host`.
    `cookie_key` signs the sessions: random unless set, so a restart signs everybody out. `session_s` in s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "0.0.0.0"
    port: int = 8081
    tokens: dict[str, SecretStr] = {}
    proxies: Annotated[str, AfterValidator(_networks)] = ""
    user_header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] = "X-Forwarded-User"
    origin: Annotated[str, Field(pattern=r"^https?://[^/@?#\s]+$")] | None = None
    cookie_key: Annotated[SecretStr, Field(min_length=SHORTEST_TOKEN)] | None = None
    session_s: Annotated[float, Field(gt=0)] = 8 * 3600

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
