"""A keeper over a store in memory: no bus, no cloud."""

import asyncio
import dataclasses
import time

import pytest

from ferry.auth.credentials.accounts import accounts
from ferry.auth.settings import AuthSettings, ThingPlusSettings
from ferry.auth.tokens.keeper import Keeper
from ferry.auth.tokens.refresher import Refresher
from ferry.auth.tokens.shared import Entry, Shared
from ferry.contract.problems import ProblemError
from ferry.runtime.settings import NatsSettings


class MemoryStore:
    """Implements Store: the last value of each key, compared by revision."""

    def __init__(self):
        self.entries = {}

    async def read(self, key):
        return self.entries.get(key, Entry(None, 0, 0.0))

    async def write(self, key, value, revision):
        if (await self.read(key)).revision != revision:
            return None
        self.entries[key] = Entry(value, revision + 1, time.monotonic())
        return revision + 1


class Silent:
    """Implements Reporter and Unreadable."""

    async def emit(self, noun, verb, message):
        pass

    def count(self, cloud, outcome):
        pass

    def skip(self, key, revision, why):
        raise AssertionError(why)


def account(obtain):
    settings = AuthSettings(
        nats=NatsSettings(url="nats://x"),
        thingplus=ThingPlusSettings(
            url="http://x", client_id="i", client_secret="s", username="u", password="p"
        ),
    )
    return dataclasses.replace(accounts(settings)["thingplus"], obtain=obtain)


async def test_an_attempt_that_fails_by_a_bug_ends_one_attempt_and_not_the_keeper():
    async def obtain():
        raise RuntimeError("what nobody thought of, with a secret in it")

    shared = Shared(MemoryStore(), "thingplus", Silent())
    keeper = Keeper(account(obtain), shared, Refresher(shared, "r", Silent()))
    running = asyncio.create_task(keeper.run())
    with pytest.raises(ProblemError) as refused:
        await keeper.get()
    assert refused.value.problem.type.endswith("credentials-unavailable")
    assert "RuntimeError" in refused.value.problem.detail
    assert "secret" not in str(refused.value)
    assert not running.done()
    running.cancel()
