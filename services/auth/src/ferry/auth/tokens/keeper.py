"""Keeps the token of one cloud: answers from memory, follows the bucket, refreshes in time."""

import asyncio
import contextlib
import time

import structlog

from ferry.auth import problems
from ferry.auth.credentials.accounts import Account
from ferry.auth.tokens import schedule
from ferry.auth.tokens.attempts import NONE, Attempts
from ferry.auth.tokens.cached import CachedToken
from ferry.auth.tokens.refresher import Refresher
from ferry.auth.tokens.shared import Seen, Shared, StoreError, TokenRecord
from ferry.auth.tokens.state import cloud_state
from ferry.contract.auth import CloudState, Token
from ferry.contract.problems import ProblemError

_log = structlog.get_logger(__name__)

LOOK_S = 1.0
"""How often the bucket is looked at: so soon every replica knows what another one got."""
SOON_S = 0.05
WAIT_S = 8.0
"""A caller waits so long for a token; the asker's own time-out is longer, so it hears the reason."""
LEASE_S = 3.0
"""A refresh whose holder has not renewed its lease for so long is another replica's to do."""
TWO_LOOKS = 2
"""The look that was under way when a caller came may have begun before it: the next one counts."""


class Keeper:
    def __init__(self, account: Account, shared: Shared, refresher: Refresher) -> None:
        self._account = account
        self._shared = shared
        self._refresher = refresher
        self._cached: CachedToken | None = None
        self._attempts = Attempts()
        self._rejected = 0
        self._renew = False
        self._store_error: str | None = "the shared bucket has not been read yet"
        self._wake = asyncio.Event()
        self._looked = asyncio.Event()

    async def get(self, rejected: int | None = None) -> Token:
        """From memory; waits only when there is none to give. Raises ProblemError, saying why."""
        cached, now = self._cached, time.monotonic()
        if cached and cached.alive(now) and self._rejected != cached.generation:  # noqa: SIM102 - two questions
            if rejected is None or rejected < cached.generation:
                return cached.token(now)
        return await self._wait(rejected)

    async def run(self) -> None:
        """Follows the bucket until cancelled. While the bucket cannot be read, the token in memory stays in use."""
        while True:
            try:
                await self._look()
                self._store_error = None
            except StoreError as error:
                if self._store_error != str(error):
                    _log.warning("bucket.unreachable", cloud=self._account.cloud, error=str(error))
                self._store_error = str(error)
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause(time.monotonic())):
                    await self._wake.wait()
            self._wake.clear()

    def change(self, account: Account) -> None:
        """Takes other credentials up, at once: what was refused before may be right now."""
        self._account = account
        self._renew = self._cached is None or self._cached.record.fingerprint != account.fingerprint
        self._wake.set()

    def state(self) -> CloudState:
        alive = self._cached if self.left_s() else None
        failure = self._attempts.failure(self._account.fingerprint)
        return cloud_state(self._account, alive, failure, self._store_error)

    def left_s(self) -> float:
        """What is left of the token's life; 0 without one."""
        now = time.monotonic()
        return self._cached.expires - now if self._cached and self._cached.alive(now) else 0.0

    def age_s(self) -> float:
        """Since its grant, by the life that it was granted; 0 without one."""
        left_s = self.left_s()
        return max(0.0, self._cached.record.life_s - left_s) if self._cached and left_s else 0.0

    def ending(self) -> bool:
        """Whether the token is in its last days without a refresh having worked."""
        return self._cached is not None and schedule.is_ending(self._cached.record.life_s, self.left_s())

    async def ready(self) -> str | None:
        return self._store_error

    async def _wait(self, rejected: int | None) -> Token:
        """Lets the loop look until it has what was asked for, or knows that it cannot have it."""
        looks = 0
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    cached = self._cached
                    if cached and rejected == cached.generation:
                        self._rejected = cached.generation
                    if looks < TWO_LOOKS:
                        self._wake.set()
                    await self._looked.wait()
                    looks += 1
                    if looks < TWO_LOOKS and self._cached is cached:
                        continue
                    if token := self._usable(rejected):
                        return token
                    if problem := self._hopeless(rejected):
                        raise problem
        except TimeoutError:
            raise self._problem() from None

    def _usable(self, rejected: int | None) -> Token | None:
        cached, now = self._cached, time.monotonic()
        if cached is None or not cached.alive(now) or rejected == cached.generation:
            return None
        if self._rejected == cached.generation and not self._attempts.blocked(self._account.fingerprint, now):
            return None  # another caller had it refused: the next one is on its way
        return cached.token(now)

    def _hopeless(self, rejected: int | None) -> ProblemError | None:
        now = time.monotonic()
        if (
            self._account.missing
            or self._store_error
            or self._attempts.blocked(self._account.fingerprint, now)
        ):
            return self._problem()
        cached = self._cached
        if cached and rejected == cached.generation and cached.believed - now > WAIT_S:
            return problems.tokens_refused(self._account.cloud)
        return None

    def _problem(self) -> ProblemError:
        failure = self._attempts.failure(self._account.fingerprint)
        if self._account.missing:
            return problems.unconfigured(self._account)
        if failure and failure.record and not self._store_error:
            return problems.failed(failure.record, self._account)
        return problems.none_yet(self._account.cloud, self._store_error)

    async def _look(self) -> None:
        account = self._account
        token = await self._shared.token(account.cipher)
        self._attempts.shared = await self._shared.attempt(account.cipher)
        self._adopt(token)
        now = time.monotonic()
        if self._cached and self._cached.alive(now) and self._is_behind(token):
            await self._restore(self._cached, token.revision)
        elif not account.missing and self._due(now) and self._may_try(now):
            refused = self._cached is not None and self._rejected == self._cached.generation
            tried = self._refresher.refresh(
                account, self._cached, token, self._attempts.shared, rejected=refused
            )
            self._attempts.own = await tried or self._attempts.own
            self._adopt(await self._shared.token(account.cipher))
            self._attempts.shared = await self._shared.attempt(account.cipher)

    def _adopt(self, token: Seen[TokenRecord]) -> None:
        cached, record = self._cached, token.record
        if record is None:
            return
        if cached and (cached.revision, cached.generation) == (token.revision, record.generation):
            return
        if cached and record.generation < cached.generation and cached.alive(time.monotonic()):
            return
        self._cached = CachedToken(record, token.born, token.revision)
        self._attempts.own = NONE
        if record.fingerprint == self._account.fingerprint:
            self._renew = False

    def _is_behind(self, token: Seen[TokenRecord]) -> bool:
        """The bucket lives in memory: after its loss, a replica that knows the token puts it back."""
        if token.record is None:
            return token.revision == 0
        return self._cached is not None and token.record.generation < self._cached.generation

    async def _restore(self, cached: CachedToken, revision: int) -> None:
        record = cached.aged(time.monotonic())
        if await self._shared.write_token(self._account.cipher, record, revision) is not None:
            _log.info("token.restored", cloud=self._account.cloud, generation=record.generation)

    def _due(self, now: float) -> bool:
        cached = self._cached
        if cached is None or self._renew or not cached.alive(now):
            return True
        if self._rejected == cached.generation:
            return now >= cached.believed
        return now >= cached.refresh

    def _may_try(self, now: float) -> bool:
        """Whether no other replica is at it, and no failed attempt asks for patience."""
        attempt = self._attempts.shared.record
        if attempt and attempt.running and now - self._attempts.shared.born < LEASE_S:
            return False
        return not self._attempts.blocked(self._account.fingerprint, now)

    def _pause(self, now: float) -> float:
        """Until the next look, in s: soon while a token is waited for or another replica gets it."""
        attempt, cached, failure = (
            self._attempts.shared.record,
            self._cached,
            self._attempts.failure(self._account.fingerprint),
        )
        if self._account.missing or self._store_error:
            return LOOK_S
        if attempt and attempt.running:
            return SOON_S
        if failure and failure.record and self._attempts.blocked(self._account.fingerprint, now):
            moment = failure.born + failure.record.retry_in_s
        elif cached is None or self._due(now):
            moment = now
        else:
            moment = cached.believed if self._rejected == cached.generation else cached.refresh
        return min(LOOK_S, max(SOON_S, moment - now))
