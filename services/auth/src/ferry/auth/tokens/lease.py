"""The lease on an attempt: one replica asks the cloud on behalf of all."""

import contextlib

from ferry.auth.credentials.accounts import Account
from ferry.auth.tokens.shared import AttemptRecord, Shared, StoreError


class Lease:
    """The attempt's record, `running` and this replica's until another one writes it."""

    def __init__(self, shared: Shared, account: Account, record: AttemptRecord, revision: int) -> None:
        self._shared = shared
        self._account = account
        self._revision = revision
        self.record = record

    async def take(self) -> bool:
        revision = await self._shared.write_attempt(self._account.cipher, self.record, self._revision)
        self._revision = revision or self._revision
        return revision is not None

    async def settle(self, record: AttemptRecord) -> None:
        """Ends it. If another replica has taken it over, its outcome counts and ours is dropped."""
        with contextlib.suppress(StoreError):
            await self._shared.write_attempt(self._account.cipher, record, self._revision)
