"""Which bus, and as whom: the same variables that the services read."""

import ssl
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class NatsSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: str = "nats://127.0.0.1:4222"
    user: str | None = None
    password: SecretStr | None = None
    nkey_seed: SecretStr | None = None
    credentials_file: Path | None = None
    tls_ca_file: Path | None = None
    inbox_prefix: str | None = None


class ClientSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="FERRY_", env_nested_delimiter="__", extra="ignore", hide_input_in_errors=True
    )

    nats: NatsSettings = NatsSettings()

    def options(self) -> dict[str, Any]:
        """Keyword arguments of nats-py's connect."""
        nats = self.nats
        chosen: dict[str, Any] = {
            "servers": [server.strip() for server in nats.url.split(",")],
            "inbox_prefix": nats.inbox_prefix or (f"_INBOX_{nats.user}" if nats.user else "_INBOX"),
        }
        if nats.user:
            chosen["user"] = nats.user
        if nats.password:
            chosen["password"] = nats.password.get_secret_value()
        if nats.nkey_seed:
            chosen["nkeys_seed_str"] = nats.nkey_seed.get_secret_value()
        if nats.credentials_file:
            chosen["user_credentials"] = str(nats.credentials_file)
        if nats.tls_ca_file:
            chosen["tls"] = ssl.create_default_context(cafile=str(nats.tls_ca_file))
        return chosen
