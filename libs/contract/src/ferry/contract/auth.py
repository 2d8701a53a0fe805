"""Requests to auth. Their names are OAuth's (RFC 6749), hence snake_case."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer

Cloud = Literal["thingplus", "otosense"]


class TokenRequest(BaseModel):
    """`rejected` is the generation that the cloud answered with 401, so that a newer one is due."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    cloud: Cloud
    rejected: Annotated[int, Field(ge=0)] | None = None


class Token(BaseModel):
    """A bearer token. `expires_at` is in Unix ms by our clock; `generation` counts up with each new one."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    access_token: SecretStr
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's word, no secret
    expires_at: int
    generation: int

    @field_serializer("access_token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()


class BearerRefusedError(Exception):
    """A cloud refused the bearer token itself; with a newer generation the same request may succeed."""
