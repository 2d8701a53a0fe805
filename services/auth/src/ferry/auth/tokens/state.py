"""The state of one cloud's credentials, for `auth.state.get`."""

import time

from ferry.auth import problems
from ferry.auth.credentials.accounts import Account
from ferry.auth.tokens.cached import CachedToken, unix_ms
from ferry.auth.tokens.shared import AttemptRecord, Seen
from ferry.contract.auth import CloudState


def cloud_state(
    account: Account,
    alive: CachedToken | None,
    failure: Seen[AttemptRecord] | None,
    store_error: str | None,
) -> CloudState:
    """`alive` is the token while it lives, `failure` the last attempt if it failed with these credentials."""
    now, cloud = time.monotonic(), account.cloud
    state = CloudState(cloud=cloud, state="ok")
    if account.missing:
        state = CloudState(cloud=cloud, state="unconfigured", hint=problems.missing(account))
    elif failure and failure.record:
        state = CloudState(
            cloud=cloud,
            state=failure.record.outcome,
            failures=failure.record.failures,
            next_attempt_at=unix_ms(failure.born + failure.record.retry_in_s, now),
            detail=failure.record.detail,
            hint=problems.hint(failure.record, account),
        )
    elif alive is None:
        return CloudState(cloud=cloud, state="starting", detail=store_error)
    if alive is None:
        return state
    moments = {"expires_at": unix_ms(alive.expires, now), "refresh_at": unix_ms(alive.refresh, now)}
    return state.model_copy(update={"generation": alive.generation, **moments})
