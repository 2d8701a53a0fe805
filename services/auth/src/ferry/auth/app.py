"""Wiring of auth."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import structlog

from ferry.auth.credentials import secret_files
from ferry.auth.credentials.accounts import accounts
from ferry.auth.handlers import Handlers
from ferry.auth.reporting import Reporting
from ferry.auth.settings import AuthSettings
from ferry.auth.tokens.bucket import TokensBucket
from ferry.auth.tokens.keeper import Keeper
from ferry.auth.tokens.refresher import Refresher
from ferry.auth.tokens.shared import Shared
from ferry.clouds.http import CloudHttp
from ferry.contract import subjects, topology
from ferry.contract.auth import ClientRequest, Cloud, StateRequest, TokenRequest
from ferry.contract.problems import ProblemError
from ferry.runtime.service import Service
from ferry.runtime.settings import secrets_dir
from ferry.runtime.unreadable import UnreadableRecords

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def lifespan(service: Service) -> AsyncIterator[None]:
    settings = cast("AuthSettings", service.settings)
    _advise(settings)
    replica = uuid.uuid4().hex
    store = TokensBucket(service.nats, service.jetstream)
    reporting = Reporting(service.events, service.seen.meter)
    keepers: dict[Cloud, Keeper] = {}
    unreadable = UnreadableRecords(service.seen.meter, topology.TOKENS.name)
    for cloud, account in accounts(settings).items():
        shared = Shared(store, cloud, unreadable)
        keepers[cloud] = Keeper(account, shared, Refresher(shared, replica, reporting))
        service.ready_checks.append(keepers[cloud].ready)
    reporting.watch(keepers)
    current = settings

    def take(changed: AuthSettings) -> None:
        nonlocal current
        current = changed
        for cloud, account in accounts(changed).items():
            keepers[cloud].change(account)

    def portal() -> CloudHttp:
        if current.thingplus is None:
            hint = "set FERRY_THINGPLUS__URL"
            raise ProblemError.of("unconfigured", 503, "auth does not know where Thing+ is", hint=hint)
        return CloudHttp(current.thingplus.url, timeout_s=current.auth.cloud_timeout_s)

    handlers = Handlers(keepers, portal, reporting.rejected)
    for cloud in keepers:
        service.serve(subjects.AUTH_TOKEN_GET[cloud], TokenRequest, partial(handlers.token, cloud))
    service.serve(subjects.AUTH_STATE_GET, StateRequest, handlers.state)
    service.serve(subjects.AUTH_CLIENT_CREATE, ClientRequest, handlers.create_client)
    # First, so that no keeper asks with a secret that has changed since the settings were read.
    following = secret_files.follow(
        secrets_dir(), settings, type(settings), take, settings.auth.secrets_poll_s
    )
    service.background(following, "follow-secrets")
    for cloud, keeper in keepers.items():
        service.background(keeper.run(), f"keep-{cloud}")
    try:
        yield
    finally:
        await service.cancel_background()  # while the bus is there: a lease is released


def _advise(settings: AuthSettings) -> None:
    if settings.auth.encryption_key is None:
        _log.info("tokens.key_derived", hint="set FERRY_AUTH__ENCRYPTION_KEY to a random key for production")
    for cloud in (settings.thingplus, settings.otosense):
        if cloud and cloud.url.startswith("http://"):
            _log.warning(
                "cloud.unencrypted", hint="http:// is for a sandbox only: credentials are sent unencrypted"
            )
