"""Requests to auth. A token's names are OAuth's (RFC 6749), hence snake_case; a client's are the guide's."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer

from ferry.contract.model import Message, Request

Cloud = Literal["thingplus", "otosense"]
Scope = Literal[
    "user-profile",
    "user-profile-read",
    "gateway",
    "gateway-read",
    "gateway-update",
    "gateway-management",
    "actuator-command",
    "timeline-read",
    "tag",
    "tag-read",
    "rule",
    "rule-read",
    "service-read",
    "site-read",
    "billing-read",
]
State = Literal["starting", "ok", "refused", "unavailable", "bad_answer", "unconfigured"]
"""`refused`: the cloud refuses the credentials. `unavailable`: it could not be reached, or was busy.
`bad_answer`: the answer is not a token endpoint's. `unconfigured`: a setting is missing."""


class TokenRequest(BaseModel):
    """The subject names the cloud. `rejected` is the generation that it refused; the answer is then a newer one."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    rejected: Annotated[int, Field(ge=0)] | None = None


class Token(BaseModel):
    """A bearer token. `expires_in` is in s from the answer on; prefer it to `expires_at`, since clocks differ.

    `expires_at` is the same in Unix ms by auth's clock. `generation` counts up with each new token.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    access_token: SecretStr
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's word, no secret
    expires_in: float
    expires_at: int
    generation: int

    @field_serializer("access_token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()


class StateRequest(Request):
    """Asks for the state of every cloud."""


class CloudState(Message):
    """The state of one cloud's credentials. Times are in Unix ms; `detail` has the cloud's words."""

    cloud: Cloud
    state: State
    generation: int | None = None
    expires_at: int | None = None
    refresh_at: int | None = None
    next_attempt_at: int | None = None
    failures: int = 0
    """Failed attempts since the last success."""
    detail: str | None = None
    hint: str | None = None


class AuthState(Message):
    clouds: list[CloudState]


class ClientRequest(Request):
    """The guide's chapter 3. Authorised by a portal `session` (its cookie), or `login_id` and `password`."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    req_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{1,128}$")]
    client_secret: SecretStr
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = ("gateway", "site-read")
    session: SecretStr | None = None
    login_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    password: SecretStr | None = None
    """The md5 of the portal password in hex, as the portal itself sends it."""

    @field_serializer("client_secret", "session", "password", when_used="json")
    def _reveal(self, secret: SecretStr | None) -> str | None:
        return secret.get_secret_value() if secret else None


class Client(Message):
    """The guide's answer without the secret, which the caller already has."""

    id: str
    name: str
    scopes: tuple[str, ...] = ()
    mtime: int | None = None
    ctime: int | None = None


class CredentialsRefused(Message):
    """`events.auth.credentials.refused`: this cloud is paused until a secret changes or an attempt succeeds."""

    cloud: Cloud
    status: int
    code: str
    detail: str
    hint: str


class CredentialsAccepted(Message):
    """`events.auth.credentials.accepted`: the first token after failed attempts."""

    cloud: Cloud
    generation: int


class TokenEnding(Message):
    """`events.auth.token.ending`: no refresh has succeeded and this token is about to expire."""

    cloud: Cloud
    generation: int
    expires_at: int
    detail: str


class BearerRefusedError(Exception):
    """A cloud refused the bearer token itself; with a newer generation the same request may succeed."""
