"""Settings of the topology job: the size and layout of the streams."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ferry.client.errors import SettingsError
from ferry.client.settings import given
from ferry.contract import topology

PREFIX = "FERRY_"


class TopologySettings(BaseModel):
    """Settings of `ferry topology`, which creates the streams and buckets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """Copies of each stream: 3 on a cluster of three servers."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = topology.PARTITIONS
    """Number of partitions of `FERRY_READINGS`. Changing it drains the stream first."""
    readings_max_bytes: Annotated[int, Field(ge=topology.MAX_BODY)] = topology.READINGS.max_bytes
    """Size of `FERRY_READINGS` in bytes. When it is full, publishes are refused."""
    drain_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 300.0
    """Seconds allowed for draining the stream when the number of partitions changes."""

    @classmethod
    def read(cls, options: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Self:
        """`options` that are given, then FERRY_<NAME>, as a variable or a file in the secrets directory.

        Raises SettingsError, which names the setting.
        """
        variables = os.environ if environ is None else environ
        found: dict[str, object] = dict(given(PREFIX, list(cls.model_fields), variables))
        found |= {name: value for name, value in options.items() if value is not None}
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            name = str(first["loc"][0])
            raise SettingsError.saying(
                f"{PREFIX}{name.upper()} (--{name.replace('_', '-')}) cannot be used",
                detail=f"{first['msg']}, and not {first['input']!r}",
            ) from None
