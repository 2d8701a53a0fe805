"""Settings of auth: the credentials of both clouds."""

import os
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from ferry.clouds.network.way import read_network
from ferry.runtime.settings import RuntimeSettings


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("a cloud's URL begins with https:// (http:// for a sandbox) and a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a cloud's URL has no user, password, query or fragment")
    return text.rstrip("/")


def _without_empty(value: Any) -> Any:
    """`FERRY_OTOSENSE__URL=` means unset, as compose files and templates write it."""
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item != ""} or None
    return value


BaseUrl = Annotated[str, AfterValidator(_base_url)]


class ThingPlusSettings(BaseModel):
    """Credentials for Thing+. Give either `password` or `password_md5`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: BaseUrl
    """Base URL of Thing+ with `/v2`, such as `https://api.sandbox.thingplus.net/v2`."""
    client_id: str | None = None
    """Id of the OAuth client."""
    client_secret: SecretStr | None = None
    """Secret of the OAuth client."""
    username: str | None = None
    """Thing+ user that created the OAuth client."""
    password: SecretStr | None = None
    """Password of that user."""
    password_md5: Annotated[SecretStr, Field(min_length=32, max_length=32)] | None = None
    """MD5 of the password in hex, as Thing+'s guide sends it; instead of `password`."""


class OtoSenseSettings(BaseModel):
    """Credentials for OtoSense."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: BaseUrl
    """Base URL of OtoSense."""
    client_id: str | None = None
    """Client id."""
    client_secret: SecretStr | None = None
    """Client secret."""
    form_encoded: bool = False
    """Form-encode id and secret before Basic authentication (RFC 6749, section 2.3.1). OtoSense's guide does not."""

    @model_validator(mode="after")
    def _no_colon(self) -> Self:
        if self.client_id and ":" in self.client_id and not self.form_encoded:
            raise ValueError("client_id has a colon, which Basic cannot carry: set FORM_ENCODED=true")
        return self


class TokenSettings(BaseModel):
    """How auth stores and refreshes tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    encryption_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    """Encrypts the shared tokens; the same for all replicas. Derived from the cloud's credentials when unset."""
    cloud_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Seconds allowed for a token request."""
    secrets_poll_s: Annotated[float, Field(gt=0)] = 1.0
    """Seconds between looks at the secrets directory for changed files."""


class AuthSettings(RuntimeSettings):
    thingplus: Annotated[ThingPlusSettings | None, BeforeValidator(_without_empty)] = None
    otosense: Annotated[OtoSenseSettings | None, BeforeValidator(_without_empty)] = None
    auth: TokenSettings = TokenSettings()

    @model_validator(mode="after")
    def _some_cloud(self) -> Self:
        if self.thingplus is None and self.otosense is None:
            raise ValueError("no cloud is set: give FERRY_THINGPLUS__URL, FERRY_OTOSENSE__URL or both")
        return self

    @model_validator(mode="after")
    def _network_is_usable(self) -> Self:
        """Proxies and authorities come from the environment (docs/deploy/index.md)."""
        read_network(os.environ)
        return self
