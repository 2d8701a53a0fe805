"""What the registry reads from the environment."""

from pydantic import BaseModel, ConfigDict

from ferry.runtime.settings import RuntimeSettings


class CloudSettings(BaseModel):
    """The guide's base, such as `https://api.sandbox.thingplus.net/v2`. Times in s."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: str
    answer_s: float = 10.0


class Settings(RuntimeSettings):
    thingplus: CloudSettings
