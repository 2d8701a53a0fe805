"""Against a real server on a real socket: each hostile answer becomes one clear error, within bounds."""

import asyncio
import gzip
import time
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from ferry.clouds.errors import (
    BadAnswerError,
    BearerRefusedError,
    RefusedError,
    UnreachableError,
)
from ferry.clouds.http import CloudHttp
from ferry.clouds.words import clean
from harness.processes import free_port

JSON = b"Content-Type: application/json\r\n"


@asynccontextmanager
async def answering(*pieces: bytes, hang: bool = False):
    """A server that answers every request with `pieces`; yields its address and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if hang:
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}/v2", asked


def reply(status: str, body: bytes, headers: bytes = JSON) -> bytes:
    length = f"Content-Length: {len(body)}\r\n".encode()
    return b"HTTP/1.1 " + status.encode() + b"\r\n" + headers + length + b"Connection: close\r\n\r\n" + body


async def ask(url: str, **more):
    async with CloudHttp(url, timeout_s=more.pop("timeout_s", 5)) as http:
        return await http.send("GET", "/things", **more)


async def test_a_good_answer_is_read_and_shows_nothing_in_its_repr():
    async with answering(reply("200 OK", b'{"access_token": "canary"}')) as (url, asked):
        answer = await ask(url, bearer=SecretStr("our-token"))
    assert answer.object() == {"access_token": "canary"}
    assert "canary" not in repr(answer)
    assert b"Authorization: Bearer our-token" in asked[0]
    assert b"Accept-Encoding: identity" in asked[0]


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            b'{"statusCode":400,"message":"Bad","errors":[{"code":"SCHEMA_VALIDATE","message":"no"}]}',
            "SCHEMA_VALIDATE",
            "no",
        ),
        (
            b'{"name":"TokenError","message":"bad","code":"incorrect_user_credentials","status":401}',
            "incorrect_user_credentials",
            "bad",
        ),
        (b'{"error":"invalid_client","error_description":"who?"}', "invalid_client", "who?"),
        (b'"Access denied"', "", "Access denied"),
        (
            b'{"message":"the secret is c4nary\\r\\nInjected: line"}',
            "",
            "the secret is [secret] Injected: line",
        ),
    ],
)
async def test_a_refusal_speaks_the_clouds_words_without_our_secrets(body, code, message):
    async with answering(reply("400 Bad", body, b"Retry-After: 7\r\n")) as (url, _):
        with pytest.raises(RefusedError) as refused:
            await ask(url, secrets=["c4nary"])
    error = refused.value
    assert (error.status, error.code, error.message, error.retry_after_s) == (400, code, message, 7)
    assert not isinstance(error, BearerRefusedError)


@pytest.mark.parametrize(
    ("status", "body", "is_bearer"),
    [
        ("401 No", b'{"name":"TokenExpiredError","message":"jwt expired"}', True),
        ("401 No", b'"Access denied"', True),
        ("401 No", b"", True),
        ("403 No", b'{"name":"JsonWebTokenError","message":"jwt malformed"}', True),
        ("403 No", b'{"errors":[{"code":"ACL_DENY","message":"no scope"}]}', False),
        ("500 No", b'{"name":"JsonWebTokenError","message":"jwt malformed"}', False),
    ],
)
async def test_which_refusals_are_the_tokens_own(status, body, is_bearer):
    async with answering(reply(status, body)) as (url, _):
        with pytest.raises(RefusedError) as refused:
            await ask(url, bearer=SecretStr("t"))
    assert isinstance(refused.value, BearerRefusedError) is is_bearer


@pytest.mark.parametrize("status", ["400 Bad", "403 No", "404 No", "405 No", "407 No", "409 No"])
@pytest.mark.parametrize("body", [b"<html>blocked</html>", b"", b"[" * 100_000, b"[]"])
async def test_a_page_of_a_proxy_refuses_nothing(status, body):
    async with answering(reply(status, body, b"Content-Type: text/html\r\n")) as (url, _):
        with pytest.raises(BadAnswerError, match="text/html: not the cloud's"):
            await ask(url, bearer=SecretStr("t"))


async def test_a_redirect_is_not_followed():
    async with (
        answering(reply("200 OK", b"{}")) as (elsewhere, asked_there),
        answering(reply("302 Found", b"", f"Location: {elsewhere}\r\n".encode())) as (url, _),
    ):
        with pytest.raises(BadAnswerError, match="redirect") as bad:
            await ask(url, bearer=SecretStr("t"))
    assert bad.value.status == 302
    assert asked_there == []


async def test_a_body_without_end_is_cut_off():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    async with answering(head, *([b"x" * 65536] * 2000)) as (url, _):
        with pytest.raises(BadAnswerError, match="more than"):
            await ask(url)


async def test_a_compressed_bomb_is_not_unpacked():
    bomb = gzip.compress(bytes(50_000_000))
    async with answering(reply("200 OK", bomb, b"Content-Encoding: gzip\r\n")) as (url, _):
        with pytest.raises(BadAnswerError, match="compressed"):
            await ask(url)


async def test_a_dripping_answer_ends_in_time():
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1", hang=True) as (url, _):
        begun = time.monotonic()
        with pytest.raises(UnreachableError) as none:
            await ask(url, timeout_s=0.3)
        assert time.monotonic() - begun < 3
    assert none.value.ambiguous


async def test_nobody_there_is_not_ambiguous_but_a_cut_answer_is():
    with pytest.raises(UnreachableError) as none:
        await ask(f"http://127.0.0.1:{free_port()}")
    assert not none.value.ambiguous
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1") as (url, _):
        with pytest.raises(UnreachableError) as none:
            await ask(url)
    assert none.value.ambiguous


async def test_a_cookie_is_not_kept():
    talking = answering(reply("200 OK", b"{}", b"Set-Cookie: dwTPlus=abc\r\n"))
    async with talking as (url, asked), CloudHttp(url) as http:
        answer = await http.send("POST", "/login", json={})
        await http.send("GET", "/sites")
    assert answer.headers["set-cookie"] == "dwTPlus=abc"
    assert b"dwTPlus" not in asked[1]


async def test_a_success_that_is_no_object_is_a_bad_answer():
    async with answering(reply("200 OK", b"<html>hello</html>")) as (url, _):
        with pytest.raises(BadAnswerError, match="not a JSON object"):
            (await ask(url)).object()


def test_words_are_short_and_on_one_line():
    assert len(clean("x" * 10_000)) == 300
    assert clean("a\nb\u2028c\x9b") == "a b c"
