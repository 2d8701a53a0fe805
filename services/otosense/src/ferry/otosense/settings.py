"""Settings of otosense: where the cloud is, and how sensors are followed."""

import os
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ferry.clouds.network.way import read_network
from ferry.runtime.settings import RuntimeSettings


class CloudSettings(BaseModel):
    """Where OtoSense is. Only auth has its credentials."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: Annotated[str, Field(pattern=r"^https?://[^/@?#]+(/[^@?#]*)?$")]
    """Base URL of OtoSense."""
    timeout_s: Annotated[float, Field(gt=0, le=6)] = 5.0
    """Seconds allowed for a request to OtoSense."""


class FollowSettings(BaseModel):
    """How a claimed sensor is followed until it connects."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    speed: Annotated[float, Field(ge=1)] = 1.0
    """Speeds up following by this factor, for tests and demos."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 8
    """Maximum number of sensors that are checked at the same time."""
    settle_s: Annotated[float, Field(gt=0)] = 40.0
    """Seconds after which a claim that got no answer is resumed. Longer than any request can take."""
    check_s: Annotated[float, Field(ge=1)] = 900.0
    """Seconds between checks of a sensor that is connected or silent."""


class OtoSenseServiceSettings(RuntimeSettings):
    otosense: CloudSettings
    follow: FollowSettings = FollowSettings()

    @model_validator(mode="after")
    def _network_is_usable(self) -> Self:
        """Proxies and authorities come from the environment (docs/deploy/index.md)."""
        read_network(os.environ)
        return self
