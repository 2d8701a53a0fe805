"""What otosense reads: where the cloud is, and how it follows."""

import os
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ferry.clouds.network.way import read_network
from ferry.runtime.settings import RuntimeSettings


class CloudSettings(BaseModel):
    """`url` is the guide's base. Credentials are auth's alone. Times in s."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: Annotated[str, Field(pattern=r"^https?://[^/@?#]+(/[^@?#]*)?$")]
    timeout_s: Annotated[float, Field(gt=0, le=6)] = 5.0


class FollowSettings(BaseModel):
    """`speed` is how many times faster than real the following runs: 1 but in tests and demos.

    A claim without an answer is taken up after `settle_s` (s), when no live request can be at it. A sensor that is not
    followed is asked about at the cloud every `check_s` (s).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    speed: Annotated[float, Field(ge=1)] = 1.0
    concurrency: Annotated[int, Field(ge=1, le=64)] = 8
    settle_s: Annotated[float, Field(gt=0)] = 40.0
    check_s: Annotated[float, Field(ge=1)] = 900.0


class OtoSenseServiceSettings(RuntimeSettings):
    otosense: CloudSettings
    follow: FollowSettings = FollowSettings()

    @model_validator(mode="after")
    def _network_is_usable(self) -> Self:
        """Proxies and authorities come from the environment (docs/deploy/index.md)."""
        read_network(os.environ)
        return self
