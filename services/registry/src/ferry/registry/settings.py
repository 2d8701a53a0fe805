"""Settings of the registry."""

import os
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from ferry.clouds.network.way import read_network
from ferry.runtime.settings import RuntimeSettings


class CloudSettings(BaseModel):
    """Where Thing+ is. Only auth has its credentials."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: str
    """Base URL of Thing+ with `/v2`, such as `https://api.sandbox.thingplus.net/v2`."""
    answer_s: float = 10.0
    """Seconds allowed for a request to Thing+."""


class Settings(RuntimeSettings):
    thingplus: CloudSettings

    @model_validator(mode="after")
    def _network_is_usable(self) -> Self:
        """Proxies and authorities come from the environment (docs/deploy/index.md)."""
        read_network(os.environ)
        return self
