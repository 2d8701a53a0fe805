"""The connection to the bus: it reconnects without end and logs each loss and return."""

import ssl
from typing import Any

import structlog
from faststream.nats import NatsBroker
from faststream.nats.opentelemetry import NatsTelemetryMiddleware
from faststream.nats.security import NatsCredentials, NatsNKey, NatsSecurity, NatsUserPassword
from nats.aio.client import Client

from ferry.bus.tls import certificate_hint
from ferry.runtime.direct import DirectClient
from ferry.runtime.observability import Observability
from ferry.runtime.settings import NatsSettings

_log = structlog.get_logger(__name__)

DRAIN_S = 5
"""s; nats-py's own 30 are longer than a service has for all of its stop."""


async def _on_error(error: Exception) -> None:
    # A denied permission looks like a time-out to who asked: this line is where it can be seen.
    hint = certificate_hint(error)
    more = {"hint": hint} if hint else {}
    _log.warning("nats.error", error=type(error).__name__, detail=str(error)[:300], **more)


async def _on_disconnect() -> None:
    _log.info("nats.disconnected")  # at a wanted end too; an unwanted one comes with its error


async def _on_reconnect() -> None:
    _log.info("nats.reconnected")


def options(settings: NatsSettings) -> dict[str, Any]:
    """Keyword arguments of nats-py's connect, for every connection that Ferry makes."""
    chosen: dict[str, Any] = {
        "servers": settings.servers,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": settings.reconnect_wait_s,
        "ping_interval": settings.ping_interval_s,
        "max_outstanding_pings": 2,
        "drain_timeout": DRAIN_S,
        "inbox_prefix": settings.inbox,
        "error_cb": _on_error,
        "disconnected_cb": _on_disconnect,
        "reconnected_cb": _on_reconnect,
    }
    if settings.user:
        chosen["user"] = settings.user
    if settings.password:
        chosen["password"] = settings.password.get_secret_value()
    if settings.nkey_seed:
        chosen["nkeys_seed_str"] = settings.nkey_seed.get_secret_value()
    if settings.credentials_file:
        chosen["user_credentials"] = str(settings.credentials_file)
    if settings.tls_ca_file:
        chosen["tls"] = ssl.create_default_context(cafile=str(settings.tls_ca_file))
    return chosen


def _security(chosen: dict[str, Any]) -> NatsSecurity:
    """FastStream takes credentials only so; takes them out of nats-py's arguments."""
    tls = chosen.pop("tls", None)
    user, password = chosen.pop("user", None), chosen.pop("password", None)
    seed, file = chosen.pop("nkeys_seed_str", None), chosen.pop("user_credentials", None)
    if file:
        return NatsCredentials.from_file(file, ssl_context=tls)
    if seed:
        return NatsNKey.from_seed(seed, ssl_context=tls)
    if user:
        return NatsUserPassword(user, password or "", ssl_context=tls)
    return NatsSecurity(ssl_context=tls)


class Broker(NatsBroker):
    """FastStream's broker over a DirectClient; it takes no client from outside."""

    async def _connect(self) -> Client:
        client = DirectClient()
        await client.connect(**self._connection_kwargs)
        self.config.connect(client)
        return client


def broker(service: str, settings: NatsSettings, seen: Observability, graceful_s: float) -> NatsBroker:
    chosen = options(settings)
    return Broker(
        security=_security(chosen),
        **chosen,
        name=f"ferry-{service}",
        graceful_timeout=graceful_s,
        logger=None,
        middlewares=[NatsTelemetryMiddleware(tracer_provider=seen.tracers, meter_provider=seen.meters)],
    )
