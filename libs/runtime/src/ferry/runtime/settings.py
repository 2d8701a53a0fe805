"""Settings that every service has, from the environment or from files in the secrets directory."""

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
    """How a service connects to NATS."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    """Address of the NATS server; several are separated by commas."""
    user: str | None = None
    """User name, together with `password`."""
    password: SecretStr | None = None
    """Password of `user`."""
    nkey_seed: SecretStr | None = None
    """nkey seed, instead of a user and password."""
    credentials_file: Path | None = None
    """Path of a NATS credentials file (JWT and seed), instead of a user and password."""
    tls_ca_file: Path | None = None
    """PEM file with the certificate authority of the server. Without it the system's authorities are trusted."""
    inbox_prefix: str | None = None
    """Prefix of reply subjects. Defaults to `_INBOX_<user>` when a user is set, else `_INBOX`."""
    reconnect_wait_s: float = 0.5
    """Seconds between attempts to reconnect."""
    ping_interval_s: float = 10.0
    """Seconds between pings that detect a dead connection."""

    @property
    def servers(self) -> list[str]:
        return [server.strip() for server in self.url.split(",") if server.strip()]

    @property
    def inbox(self) -> str:
        return self.inbox_prefix or (f"_INBOX_{self.user}" if self.user else "_INBOX")


class HealthSettings(BaseModel):
    """The HTTP listener for `/livez`, `/readyz` and `/metrics`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "0.0.0.0"
    """Address that the health listener binds to."""
    port: int = 8080
    """Port of the health listener; 0 picks a free one and logs it."""


class OtlpSettings(BaseModel):
    """Export of traces and metrics. `/metrics` is served with or without it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = None
    """OTLP/HTTP endpoint of a collector. Nothing is exported without it."""
    sample_ratio: float = Field(default=1.0, ge=0, le=1)
    """Share of new traces that are sampled."""


class LogSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    level: str = "info"
    """Lowest level that is logged: `debug`, `info`, `warning` or `error`."""
    format: str = Field(default="json", pattern="^(json|console)$")
    """`json` for one object per line, `console` for people."""


class RuntimeSettings(BaseSettings):
    """Read from `FERRY_<NAME>__<FIELD>`. Each service adds its own settings to these."""

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
    """Seconds allowed for a clean stop. The container's grace period must be longer."""
    request_s: float = ANSWER_S
    """Seconds after which a request is answered with a 504 problem."""

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
