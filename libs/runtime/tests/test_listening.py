"""A port that others share: slow and silent clients do not keep their places."""

import asyncio

import pytest

from ferry.runtime import listening


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(listening, "REQUEST_S", 0.3)


async def ends(reader):
    return await asyncio.wait_for(reader.read(), 5)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_request_that_never_comes_is_given_up(quick, sent):
    async with listening.listening(hello, "127.0.0.1", 0, timeout_keep_alive=60) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await ends(reader)
        writer.close()


async def test_a_second_request_that_never_comes_is_given_up_as_well(quick):
    async with listening.listening(hello, "127.0.0.1", 0, timeout_keep_alive=60) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in await reader.readline()
        writer.write(b"GET / HT")
        await ends(reader)
        writer.close()


async def test_silent_clients_take_nobodys_place(quick):
    async with listening.listening(hello, "127.0.0.1", 0, limit_concurrency=4) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        for reader, _ in silent:
            await ends(reader)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"200" in await ends(reader)
        for _, one in (*silent, (None, writer)):
            one.close()


async def test_an_answer_may_take_longer_than_its_request(quick):
    async def slow(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(4):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.2)
        await send({"type": "http.response.body", "body": b"end"})

    async with listening.listening(slow, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"end" in await ends(reader)
        writer.close()
