"""What every service reads from the environment, or from files in the secrets directory."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ferry.contract.problems import ANSWER_S

SECRETS_DIR_VARIABLE = "FERRY_SECRETS_DIR"
DEFAULT_SECRETS_DIR = "/run/secrets/ferry"


class NatsSettings(BaseModel):
    """`url` may name several servers, separated by commas. Times in s."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    user: str | None = None
    password: SecretStr | None = None
    nkey_seed: SecretStr | None = None
    credentials_file: Path | None = None
    tls_ca_file: Path | None = None
    inbox_prefix: str | None = None
    """`_INBOX_<user>` when a user is set: nobody else may listen to our replies."""
    reconnect_wait_s: float = 0.5
    ping_interval_s: float = 10.0

    @property
    def servers(self) -> list[str]:
        return [server.strip() for server in self.url.split(",") if server.strip()]

    @property
    def inbox(self) -> str:
        return self.inbox_prefix or (f"_INBOX_{self.user}" if self.user else "_INBOX")


class HealthSettings(BaseModel):
    """Port 0 takes a free one, which the log names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "0.0.0.0"
    port: int = 8080


class OtlpSettings(BaseModel):
    """Without an endpoint nothing is exported; `/metrics` is there all the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = None
    sample_ratio: float = Field(default=1.0, ge=0, le=1)


class LogSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    level: str = "info"
    format: str = Field(default="json", pattern="^(json|console)$")


class RuntimeSettings(BaseSettings):
    """`FERRY_<NAME>__<FIELD>`; a service adds its own to these."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_prefix="FERRY_",
        env_nested_delimiter="__",
        extra="ignore",
        hide_input_in_errors=True,
    )

    nats: NatsSettings
    health: HealthSettings = HealthSettings()
    otlp: OtlpSettings = OtlpSettings()
    log: LogSettings = LogSettings()
    shutdown_s: float = 20.0
    """All of a clean stop happens within this; a container's grace must be longer."""
    request_s: float = ANSWER_S
    """A request that takes longer is answered with a 504 problem."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then a file of the same name in the secrets directory."""
        secrets = secrets_dir()
        files = (
            (NestedSecretsSettingsSource(file_secret_settings, secrets_dir=secrets, secrets_prefix="FERRY_"),)
            if secrets.is_dir()
            else ()
        )
        return (init_settings, env_settings, *files)


def secrets_dir() -> Path:
    return Path(os.environ.get(SECRETS_DIR_VARIABLE, DEFAULT_SECRETS_DIR))
