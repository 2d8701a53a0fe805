"""What auth reads: the two clouds' credentials, from the environment or from files."""

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
    """`url` is the guide's base with `/v2`. The password is given plain, or as its md5 in hex."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: BaseUrl
    client_id: str | None = None
    client_secret: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_md5: Annotated[SecretStr, Field(min_length=32, max_length=32)] | None = None


class OtoSenseSettings(BaseModel):
    """`form_encoded` encodes id and secret before Basic, as RFC 6749 section 2.3.1 has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: BaseUrl
    client_id: str | None = None
    client_secret: SecretStr | None = None
    form_encoded: bool = False

    @model_validator(mode="after")
    def _no_colon(self) -> Self:
        if self.client_id and ":" in self.client_id and not self.form_encoded:
            raise ValueError("client_id has a colon, which Basic cannot carry: set FORM_ENCODED=true")
        return self


class TokenSettings(BaseModel):
    """Times in s. `encryption_key` encrypts the shared tokens: 32 random characters or more, for all replicas.

    Without one it is derived from the cloud's own secrets, which the replicas share as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    encryption_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    cloud_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    secrets_poll_s: Annotated[float, Field(gt=0)] = 1.0


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
