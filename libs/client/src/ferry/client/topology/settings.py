"""What a site may choose about its streams."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ferry.client.errors import SettingsError
from ferry.client.settings import given
from ferry.contract import topology

PREFIX = "FERRY_"


class TopologySettings(BaseModel):
    """`readings_max_bytes` in bytes; `drain_s` (s) bounds a change of `partitions`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    partitions: Annotated[int, Field(ge=1, le=1024)] = topology.PARTITIONS
    readings_max_bytes: Annotated[int, Field(ge=topology.MAX_BODY)] = topology.READINGS.max_bytes
    drain_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 300.0

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
