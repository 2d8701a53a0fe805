"""One attempt to get a token, by one replica for all: take the lease, ask the cloud, report the outcome."""

import asyncio
import contextlib
import random
import time
import traceback
from typing import Protocol

import structlog
from pydantic import BaseModel

from ferry.auth import problems
from ferry.auth.credentials.accounts import Account
from ferry.auth.tokens import schedule
from ferry.auth.tokens.cached import CachedToken, unix_ms
from ferry.auth.tokens.lease import Lease
from ferry.auth.tokens.shared import AttemptRecord, Seen, Shared, StoreError, TokenRecord
from ferry.clouds.errors import BadAnswerError, CloudError, RefusedError, UnreachableError
from ferry.clouds.grants import CredentialsRefusedError, Grant
from ferry.contract.auth import Cloud, CredentialsAccepted, CredentialsRefused, State, TokenEnding

_log = structlog.get_logger(__name__)

FAILURES: tuple[State, ...] = ("refused", "unavailable", "bad_answer")
RENEW_S = 0.7
"""The lease is renewed so often while the cloud is waited for."""


class Reporter(Protocol):
    """Where an attempt's outcome is reporter: events for other systems, a counter for the operator."""

    async def emit(self, noun: str, verb: str, message: BaseModel) -> None: ...

    def count(self, cloud: Cloud, outcome: State) -> None: ...


class Refresher:
    def __init__(self, shared: Shared, replica: str, reporter: Reporter) -> None:
        self._shared = shared
        self._replica = replica
        self._reporter = reporter

    async def refresh(
        self,
        account: Account,
        cached: CachedToken | None,
        token: Seen[TokenRecord],
        attempt: Seen[AttemptRecord],
        *,
        rejected: bool,
    ) -> Seen[AttemptRecord] | None:
        """Gets a token and puts it in the bucket, or answers how that failed; None also when others did.

        Raises StoreError.
        """
        before = attempt.record or AttemptRecord()
        if before.fingerprint != account.fingerprint:
            before = AttemptRecord(fingerprint=account.fingerprint, warned_of=before.warned_of)
        running = before.model_copy(update={"holder": self._replica, "running": True})
        lease = Lease(self._shared, account, running, attempt.revision)
        if not await lease.take():
            return None
        idle = before.model_copy(update={"running": False})
        if (await self._shared.token(account.cipher)).revision != token.revision:
            await lease.settle(idle)
            return None
        _log.debug("token.asking", cloud=account.cloud)
        asked = time.monotonic()
        try:
            grant = await self._obtain(account, lease)
        except CloudError as error:
            return await self._failed(account, cached, lease, error)
        except asyncio.CancelledError:
            await lease.settle(idle)
            raise
        await self._succeeded(account, _record(account, cached, token, grant, asked, rejected), token, lease)
        return None

    async def _obtain(self, account: Account, lease: Lease) -> Grant:
        work = asyncio.create_task(account.obtain())
        try:
            while not (await asyncio.wait({work}, timeout=RENEW_S))[0]:
                with contextlib.suppress(StoreError):
                    await lease.take()
            return work.result()
        except (CloudError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug, or a setting that only shows here, ends one attempt and not auth
            where = traceback.extract_tb(error.__traceback__)[-1]  # not its text: it may have a secret in it
            _log.error(
                "token.attempt_failed",
                cloud=account.cloud,
                error=type(error).__name__,
                where=f"{where.filename}:{where.lineno}",
            )
            raise UnreachableError(type(error).__name__, ambiguous=False) from None
        finally:
            work.cancel()

    async def _succeeded(
        self, account: Account, record: TokenRecord, token: Seen[TokenRecord], lease: Lease
    ) -> None:
        kept = await self._shared.write_token(account.cipher, record, token.revision) is not None
        after = AttemptRecord(outcome="ok", fingerprint=account.fingerprint, warned_of=lease.record.warned_of)
        await lease.settle(after)
        self._reporter.count(account.cloud, "ok")
        if not kept:  # we were so slow that another replica took over: its token stands
            _log.info("token.discarded", cloud=account.cloud)
            return
        life_s = round(record.life_s)
        _log.info("token.obtained", cloud=account.cloud, generation=record.generation, life_s=life_s)
        if lease.record.failures:
            message = CredentialsAccepted(cloud=account.cloud, generation=record.generation)
            await self._reporter.emit("credentials", "accepted", message)

    async def _failed(
        self, account: Account, cached: CachedToken | None, lease: Lease, error: CloudError
    ) -> Seen[AttemptRecord]:
        outcome, failures = classify(error), lease.record.failures + 1
        retry_after_s = error.retry_after_s if isinstance(error, RefusedError) else None
        record = AttemptRecord(
            outcome=outcome,
            failures=failures,
            retry_in_s=schedule.retry_in(outcome, failures, retry_after_s, random.random()),  # noqa: S311
            status=error.status or 0,
            code=error.code if isinstance(error, RefusedError) else "",
            detail=str(error),
            fingerprint=account.fingerprint,
            warned_of=cached.generation if cached and _is_ending(cached) else lease.record.warned_of,
        )
        await lease.settle(record)
        self._reporter.count(account.cloud, outcome)
        _log.warning(
            "token.not_obtained",
            cloud=account.cloud,
            state=outcome,
            failures=failures,
            retry_in_s=round(record.retry_in_s, 1),
            detail=record.detail,
        )
        if outcome == "refused" and lease.record.outcome != "refused":
            await self._reporter.emit("credentials", "refused", _refused(account, record))
        if cached and record.warned_of == cached.generation != lease.record.warned_of:
            await self._reporter.emit("token", "ending", _ending(account.cloud, cached, record))
        return Seen(record, 0, time.monotonic())


def classify(error: CloudError) -> State:
    """What an error of the token endpoint means for the credentials."""
    if isinstance(error, CredentialsRefusedError):
        return "refused"
    return "bad_answer" if isinstance(error, BadAnswerError) else "unavailable"


def _record(
    account: Account,
    cached: CachedToken | None,
    token: Seen[TokenRecord],
    grant: Grant,
    asked: float,
    rejected: bool,
) -> TokenRecord:
    now = time.monotonic()
    known = [cached.generation if cached else 0, token.record.generation if token.record else 0]
    quick = rejected and cached is not None and now - cached.born < schedule.QUICK_S
    return TokenRecord(
        generation=max(known) + 1,
        access_token=grant.access_token,
        life_s=grant.life_s,
        left_s=grant.life_s - (now - asked),
        refresh_in_s=schedule.refresh_in(grant.life_s, random.random()) - (now - asked),  # noqa: S311
        fingerprint=account.fingerprint,
        quick_rejections=cached.record.quick_rejections + 1 if cached and quick else 0,
    )


def _is_ending(cached: CachedToken) -> bool:
    return schedule.is_ending(cached.record.life_s, cached.expires - time.monotonic())


def _refused(account: Account, record: AttemptRecord) -> CredentialsRefused:
    return CredentialsRefused(
        cloud=account.cloud,
        status=record.status,
        code=record.code,
        detail=record.detail,
        hint=problems.hint(record, account),
    )


def _ending(cloud: Cloud, cached: CachedToken, record: AttemptRecord) -> TokenEnding:
    expires_at = unix_ms(cached.expires, time.monotonic())
    return TokenEnding(cloud=cloud, generation=cached.generation, expires_at=expires_at, detail=record.detail)
