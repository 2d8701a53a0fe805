"""One attempt to get a token, by one replica for all: a lease, the cloud's answer, and what is told of it."""

import asyncio
import contextlib
import random
import time
from typing import Protocol

import structlog
from pydantic import BaseModel

from ferry.auth import reasons, schedule
from ferry.auth.accounts import Account
from ferry.auth.held import Held, unix_ms
from ferry.auth.shared import AttemptRecord, Seen, Shared, StoreError, TokenRecord
from ferry.clouds.errors import BadAnswerError, CloudError, RefusedError
from ferry.clouds.grants import Grant
from ferry.contract.auth import Cloud, CredentialsAccepted, CredentialsRefused, State, TokenEnding

_log = structlog.get_logger(__name__)

FAILURES: tuple[State, ...] = ("refused", "unavailable", "bad_answer")
RENEW_S = 0.7
"""The lease is renewed so often while the cloud is waited for."""
_LATER = (408, 425, 429)
_UNSUPPORTED_GRANT = 501


class Told(Protocol):
    """Where an attempt's outcome is told: events for other systems, a counter for the operator."""

    async def emit(self, noun: str, verb: str, message: BaseModel) -> None: ...

    def count(self, cloud: Cloud, outcome: State) -> None: ...


class Lease:
    """The attempt's record, `running` and ours as long as nobody else writes it."""

    def __init__(self, shared: Shared, account: Account, record: AttemptRecord, revision: int) -> None:
        self._shared = shared
        self._account = account
        self._revision = revision
        self.record = record

    async def take(self) -> bool:
        revision = await self._shared.write_attempt(self._account.seal, self.record, self._revision)
        self._revision = revision or self._revision
        return revision is not None

    async def settle(self, record: AttemptRecord) -> None:
        """Ends it. Whoever has taken it over since writes what comes of theirs: ours is of no interest."""
        with contextlib.suppress(StoreError):
            await self._shared.write_attempt(self._account.seal, record, self._revision)


class Refresher:
    def __init__(self, shared: Shared, replica: str, told: Told) -> None:
        self._shared = shared
        self._replica = replica
        self._told = told

    async def refresh(
        self,
        account: Account,
        held: Held | None,
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
        if (await self._shared.token(account.seal)).revision != token.revision:
            await lease.settle(idle)
            return None
        _log.debug("token.asking", cloud=account.cloud)
        asked = time.monotonic()
        try:
            grant = await self._obtain(account, lease)
        except CloudError as error:
            return await self._failed(account, held, lease, error)
        except asyncio.CancelledError:
            await lease.settle(idle)
            raise
        await self._succeeded(account, _record(account, held, token, grant, asked, rejected), token, lease)
        return None

    async def _obtain(self, account: Account, lease: Lease) -> Grant:
        work = asyncio.create_task(account.obtain())
        try:
            while not (await asyncio.wait({work}, timeout=RENEW_S))[0]:
                with contextlib.suppress(StoreError):
                    await lease.take()
            return work.result()
        finally:
            work.cancel()

    async def _succeeded(
        self, account: Account, record: TokenRecord, token: Seen[TokenRecord], lease: Lease
    ) -> None:
        kept = await self._shared.write_token(account.seal, record, token.revision) is not None
        after = AttemptRecord(outcome="ok", fingerprint=account.fingerprint, warned_of=lease.record.warned_of)
        await lease.settle(after)
        self._told.count(account.cloud, "ok")
        if not kept:  # we were so slow that another replica took over: its token stands
            _log.info("token.discarded", cloud=account.cloud)
            return
        life_s = round(record.life_s)
        _log.info("token.obtained", cloud=account.cloud, generation=record.generation, life_s=life_s)
        if lease.record.failures:
            message = CredentialsAccepted(cloud=account.cloud, generation=record.generation)
            await self._told.emit("credentials", "accepted", message)

    async def _failed(
        self, account: Account, held: Held | None, lease: Lease, error: CloudError
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
            warned_of=held.generation if held and _is_ending(held) else lease.record.warned_of,
        )
        await lease.settle(record)
        self._told.count(account.cloud, outcome)
        _log.warning(
            "token.not_obtained",
            cloud=account.cloud,
            state=outcome,
            failures=failures,
            retry_in_s=round(record.retry_in_s, 1),
            detail=record.detail,
        )
        if outcome == "refused" and lease.record.outcome != "refused":
            await self._told.emit("credentials", "refused", _refused(account.cloud, record))
        if held and record.warned_of == held.generation != lease.record.warned_of:
            await self._told.emit("token", "ending", _ending(account.cloud, held, record))
        return Seen(record, 0, time.monotonic())


def classify(error: CloudError) -> State:
    """What an error of the token endpoint means for the credentials."""
    if isinstance(error, BadAnswerError):
        return "bad_answer"
    if not isinstance(error, RefusedError):
        return "unavailable"
    mendable = error.status < 500 or error.status == _UNSUPPORTED_GRANT  # noqa: PLR2004 - HTTP's classes
    return "refused" if mendable and error.status not in _LATER else "unavailable"


def _record(
    account: Account,
    held: Held | None,
    token: Seen[TokenRecord],
    grant: Grant,
    asked: float,
    rejected: bool,
) -> TokenRecord:
    now = time.monotonic()
    known = [held.generation if held else 0, token.record.generation if token.record else 0]
    quick = rejected and held is not None and now - held.born < schedule.QUICK_S
    return TokenRecord(
        generation=max(known) + 1,
        access_token=grant.access_token,
        life_s=grant.life_s,
        left_s=grant.life_s - (now - asked),
        refresh_in_s=schedule.refresh_in(grant.life_s, random.random()) - (now - asked),  # noqa: S311
        fingerprint=account.fingerprint,
        quick_rejections=held.record.quick_rejections + 1 if held and quick else 0,
    )


def _is_ending(held: Held) -> bool:
    return schedule.is_ending(held.record.life_s, held.expires - time.monotonic())


def _refused(cloud: Cloud, record: AttemptRecord) -> CredentialsRefused:
    told = reasons.hint(record, cloud)
    return CredentialsRefused(
        cloud=cloud, status=record.status, code=record.code, detail=record.detail, hint=told
    )


def _ending(cloud: Cloud, held: Held, record: AttemptRecord) -> TokenEnding:
    expires_at = unix_ms(held.expires, time.monotonic())
    return TokenEnding(cloud=cloud, generation=held.generation, expires_at=expires_at, detail=record.detail)
