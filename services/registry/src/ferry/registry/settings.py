"""What the registry reads from the environment."""

import os
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from ferry.clouds.network.way import read_network
from ferry.runtime.settings import RuntimeSettings


class CloudSettings(BaseModel):
    """The guide's base, such as `https://api.sandbox.thingplus.net/v2`. Times in s."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: str
    answer_s: float = 10.0


class Settings(RuntimeSettings):
    thingplus: CloudSettings

    @model_validator(mode="after")
    def _network_is_usable(self) -> Self:
        """Proxies and authorities come from the environment (docs/deploy/index.md)."""
        read_network(os.environ)
        return self
