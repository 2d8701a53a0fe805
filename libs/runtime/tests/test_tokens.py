"""The token client against a small stateful auth on a real bus."""

import asyncio
import contextlib

import pytest

from ferry.contract import subjects
from ferry.contract.auth import BearerRefusedError, Token, TokenRequest
from ferry.contract.problems import ERROR_CODE_HEADER, ProblemError
from ferry.runtime.tokens import Tokens


class Auth:
    """Counts up when the generation that it holds is rejected; remembers what it was asked."""

    def __init__(self, client, life_s: float) -> None:
        self.client, self.life_s = client, life_s
        self.generation, self.broken, self.silent = 1, False, False
        self.asked: list[int | None] = []

    async def answer(self, message) -> None:
        request = TokenRequest.model_validate_json(message.data)
        self.asked.append(request.rejected)
        if self.silent:
            self.silent = False
            return
        if self.broken:
            await self.client.publish(message.reply, b"", headers={ERROR_CODE_HEADER: "503"})
            return
        if request.rejected == self.generation:
            self.generation += 1
        token = Token(
            access_token=f"t{self.generation}",
            expires_in=self.life_s,
            expires_at=0,
            generation=self.generation,
        )
        await message.respond(token.model_dump_json().encode())


@pytest.fixture
async def auth(nats_client, bus):
    client = await bus.connect()
    served = Auth(client, 3600)
    await client.subscribe(subjects.AUTH_THINGPLUS_TOKEN_GET, cb=served.answer)
    await client.flush()
    yield served
    await client.close()


async def test_many_callers_ask_once_and_then_never(auth, nats_client):
    tokens = Tokens(nats_client, "thingplus")
    got = await asyncio.gather(*(tokens.get() for _ in range(200)))
    assert {token.generation for token in got} == {1}
    assert await tokens.get() is got[0]
    assert auth.asked == [None]


async def test_many_who_reject_together_ask_once(auth, nats_client):
    tokens = Tokens(nats_client, "thingplus")
    await tokens.get()
    got = await asyncio.gather(*(tokens.reject(1) for _ in range(200)))
    assert {token.generation for token in got} == {2}
    assert (await tokens.reject(1)).generation == 2
    assert auth.asked == [None, 1]


async def test_a_rejection_that_meets_a_question_in_flight_is_not_lost(auth, nats_client):
    tokens = Tokens(nats_client, "thingplus")
    asking = asyncio.create_task(tokens.get())
    await asyncio.sleep(0)
    assert (await tokens.reject(1)).generation == 2
    assert (await asking).generation == 1
    assert auth.asked == [None, 1]


async def test_a_token_near_its_end_is_asked_for_again(auth, nats_client):
    auth.life_s = 0.2
    tokens = Tokens(nats_client, "thingplus")
    await tokens.get()
    await tokens.get()
    assert auth.asked == [None, None]


async def test_a_caller_that_gives_up_does_not_stop_the_others(auth, nats_client):
    tokens = Tokens(nats_client, "thingplus")
    first, second = asyncio.create_task(tokens.get()), asyncio.create_task(tokens.get())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).generation == 1
    assert auth.asked == [None]


async def test_a_refused_bearer_is_repeated_once_with_a_newer_token(auth, nats_client):
    tokens = Tokens(nats_client, "thingplus")
    seen = []

    async def call(token: Token) -> str:
        seen.append(token.generation)
        if token.generation < 2:
            raise BearerRefusedError
        return "done"

    assert await tokens.with_token(call) == "done"
    assert seen == [1, 2]


async def test_a_bearer_refused_twice_is_the_callers_to_know(auth, nats_client):
    tokens = Tokens(nats_client, "thingplus")
    seen = []

    async def call(token: Token) -> None:
        seen.append(token.generation)
        raise BearerRefusedError

    with pytest.raises(BearerRefusedError):
        await tokens.with_token(call)
    assert seen == [1, 2]


async def test_what_auth_says_is_raised_and_the_next_caller_asks_anew(auth, nats_client):
    tokens = Tokens(nats_client, "thingplus")
    auth.broken = True
    with pytest.raises(ProblemError):
        await tokens.get()
    auth.broken = False
    assert (await tokens.get()).generation == 1
    with contextlib.suppress(ProblemError):
        auth.broken = True
        await tokens.reject(1)
    auth.broken = False
    assert (await tokens.reject(1)).generation == 2


async def test_a_token_shows_itself_in_no_repr(auth, nats_client):
    token = await Tokens(nats_client, "thingplus").get()
    assert "t1" not in repr(token) + str(token)


async def test_a_question_that_a_stopping_replica_swallowed_is_put_again(auth, nats_client):
    auth.silent = True
    assert (await Tokens(nats_client, "thingplus").get()).generation == 1
    assert auth.asked == [None, None]
