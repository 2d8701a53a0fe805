"""Keeps the token of one cloud: answers from memory, follows the bucket, refreshes in time."""

import asyncio
import contextlib
import time

import structlog

from ferry.auth import reasons, schedule
from ferry.auth.accounts import Account
from ferry.auth.held import Held, unix_ms
from ferry.auth.refresh import FAILURES, Refresher
from ferry.auth.shared import AttemptRecord, Seen, Shared, StoreError, TokenRecord
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
        self._held: Held | None = None
        self._attempt: Seen[AttemptRecord] = Seen(None, 0, 0.0)
        self._own: Seen[AttemptRecord] = Seen(None, 0, 0.0)
        self._rejected = 0
        self._renew = False
        self._store_error: str | None = "the shared bucket has not been read yet"
        self._wake = asyncio.Event()
        self._looked = asyncio.Event()

    async def get(self, rejected: int | None = None) -> Token:
        """From memory; waits only when there is none to give. Raises ProblemError, saying why."""
        held, now = self._held, time.monotonic()
        if held and held.alive(now) and self._rejected != held.generation:  # noqa: SIM102 - two questions
            if rejected is None or rejected < held.generation:
                return held.token(now)
        return await self._wait(rejected)

    async def run(self) -> None:
        """Follows the bucket for ever. A bucket that cannot be read leaves what is in memory in use."""
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
        self._renew = self._held is None or self._held.record.fingerprint != account.fingerprint
        self._wake.set()

    def state(self) -> CloudState:
        now, cloud, failure = time.monotonic(), self._account.cloud, self._failure()
        state = CloudState(cloud=cloud, state="ok")
        if self._account.missing:
            state = CloudState(cloud=cloud, state="unconfigured", hint=reasons.missing(self._account))
        elif failure and failure.record:
            state = CloudState(
                cloud=cloud,
                state=failure.record.outcome,
                failures=failure.record.failures,
                next_attempt_at=unix_ms(failure.born + failure.record.retry_in_s, now),
                detail=failure.record.detail,
                hint=reasons.hint(failure.record, cloud),
            )
        elif not self.left_s():
            return CloudState(cloud=cloud, state="starting", detail=self._store_error)
        if (held := self._held) is None or not self.left_s():
            return state
        moments = {"expires_at": unix_ms(held.expires, now), "refresh_at": unix_ms(held.refresh, now)}
        return state.model_copy(update={"generation": held.generation, **moments})

    def left_s(self) -> float:
        """What is left of the token's life; 0 without one."""
        now = time.monotonic()
        return self._held.expires - now if self._held and self._held.alive(now) else 0.0

    def ending(self) -> bool:
        """Whether the token is in its last days without a refresh having worked."""
        return self._held is not None and schedule.is_ending(self._held.record.life_s, self.left_s())

    async def ready(self) -> str | None:
        return self._store_error

    async def _wait(self, rejected: int | None) -> Token:
        """Lets the loop look until it has what was asked for, or knows that it cannot have it."""
        looks = 0
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    held = self._held
                    if held and rejected == held.generation:
                        self._rejected = held.generation
                    if looks < TWO_LOOKS:
                        self._wake.set()
                    await self._looked.wait()
                    looks += 1
                    if looks < TWO_LOOKS and self._held is held:
                        continue
                    if token := self._usable(rejected):
                        return token
                    if problem := self._hopeless(rejected):
                        raise problem
        except TimeoutError:
            raise self._problem() from None

    def _usable(self, rejected: int | None) -> Token | None:
        held, now = self._held, time.monotonic()
        if held is None or not held.alive(now) or rejected == held.generation:
            return None
        if self._rejected == held.generation and not self._blocked(now):
            return None  # another caller had it refused: the next one is on its way
        return held.token(now)

    def _hopeless(self, rejected: int | None) -> ProblemError | None:
        now = time.monotonic()
        if self._account.missing or self._store_error or self._blocked(now):
            return self._problem()
        held = self._held
        if held and rejected == held.generation and held.believed - now > WAIT_S:
            return reasons.tokens_refused(self._account.cloud)
        return None

    def _problem(self) -> ProblemError:
        failure = self._failure()
        if self._account.missing:
            return reasons.unconfigured(self._account)
        if failure and failure.record and not self._store_error:
            return reasons.failed(failure.record, self._account.cloud)
        return reasons.none_yet(self._account.cloud, self._store_error)

    async def _look(self) -> None:
        account = self._account
        token = await self._shared.token(account.seal)
        self._attempt = await self._shared.attempt(account.seal)
        self._adopt(token)
        now = time.monotonic()
        if self._held and self._held.alive(now) and self._is_behind(token):
            await self._restore(self._held, token.revision)
        elif not account.missing and self._due(now) and self._may_try(now):
            refused = self._held is not None and self._rejected == self._held.generation
            tried = self._refresher.refresh(account, self._held, token, self._attempt, rejected=refused)
            self._own = await tried or self._own
            self._adopt(await self._shared.token(account.seal))
            self._attempt = await self._shared.attempt(account.seal)

    def _adopt(self, token: Seen[TokenRecord]) -> None:
        held, record = self._held, token.record
        if record is None:
            return
        if held and (held.revision, held.generation) == (token.revision, record.generation):
            return
        if held and record.generation < held.generation and held.alive(time.monotonic()):
            return
        self._held = Held(record, token.born, token.revision)
        self._own = Seen(None, 0, 0.0)
        if record.fingerprint == self._account.fingerprint:
            self._renew = False

    def _is_behind(self, token: Seen[TokenRecord]) -> bool:
        """The bucket lives in memory: after its loss, a replica that knows the token puts it back."""
        if token.record is None:
            return token.revision == 0
        return self._held is not None and token.record.generation < self._held.generation

    async def _restore(self, held: Held, revision: int) -> None:
        record = held.aged(time.monotonic())
        if await self._shared.write_token(self._account.seal, record, revision) is not None:
            _log.info("token.restored", cloud=self._account.cloud, generation=record.generation)

    def _due(self, now: float) -> bool:
        held = self._held
        if held is None or self._renew or not held.alive(now):
            return True
        if self._rejected == held.generation:
            return now >= held.believed
        return now >= held.refresh

    def _may_try(self, now: float) -> bool:
        """Whether no other replica is at it, and no failed attempt asks for patience."""
        attempt = self._attempt.record
        if attempt and attempt.running and now - self._attempt.born < LEASE_S:
            return False
        return not self._blocked(now)

    def _failure(self) -> Seen[AttemptRecord] | None:
        """The last attempt, if it failed with our credentials; other replicas may yet have others."""
        ours = [
            seen
            for seen in (self._attempt, self._own)
            if seen.record
            and seen.record.outcome in FAILURES
            and seen.record.fingerprint == self._account.fingerprint
        ]
        return max(ours, key=lambda seen: seen.born, default=None)

    def _blocked(self, now: float) -> bool:
        failure = self._failure()
        if failure is None or failure.record is None or failure.record.running:
            return False
        return now < failure.born + failure.record.retry_in_s

    def _pause(self, now: float) -> float:
        """Until the next look, in s: soon while a token is waited for or another replica gets it."""
        attempt, held, failure = self._attempt.record, self._held, self._failure()
        if self._account.missing or self._store_error:
            return LOOK_S
        if attempt and attempt.running:
            return SOON_S
        if failure and failure.record and self._blocked(now):
            moment = failure.born + failure.record.retry_in_s
        elif held is None or self._due(now):
            moment = now
        else:
            moment = held.believed if self._rejected == held.generation else held.refresh
        return min(LOOK_S, max(SOON_S, moment - now))
