"""The page over real HTTP while others misbehave: streams without end, silent and slow clients, bodies too large."""

import asyncio
import contextlib
import time

import httpx2
import pytest
from console_world import TOKEN, World

from ferry.console.actions.running import Actions
from ferry.console.app import MOST_CONNECTIONS
from ferry.console.live.watch import MOST_WATCHERS, Watch
from ferry.console.people import guard
from ferry.console.settings import PageSettings
from ferry.console.web import application
from ferry.runtime import listening


@pytest.fixture
async def page():
    """The address of a console, as the service runs it."""
    world = World()
    watch, actions = Watch(world), Actions(world)
    looking = asyncio.create_task(watch.run())
    settings = PageSettings.model_validate({"tokens": {"anna": TOKEN}})
    app = application(settings, world, watch, actions)
    options = {"limit_concurrency": MOST_CONNECTIONS}
    async with listening.listening(app, "127.0.0.1", 0, **options) as port:
        yield f"http://127.0.0.1:{port}"
        watch.close()
    looking.cancel()


@contextlib.asynccontextmanager
async def anna(url):
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(
        base_url=url, headers={"Origin": url}, limits=limits, timeout=10
    ) as browser:
        assert (await browser.post("/sign-in", data={"token": TOKEN})).status_code == 303
        yield browser


async def answers_at_once(browser):
    begun = time.monotonic()
    assert (await browser.get("/")).status_code == 200
    assert time.monotonic() - begun < 3


async def test_more_streams_than_there_is_room_for_hurt_nobody(page):
    async with anna(page) as browser, contextlib.AsyncExitStack() as streams:
        first, open_ = [], []
        for _ in range(MOST_WATCHERS + 20):
            answer = await streams.enter_async_context(browser.stream("GET", "/live"))
            open_.append(aiter(answer.aiter_lines()))
            first.append(await anext(open_[-1]))
        assert sum(line.startswith("data:") for line in first) == MOST_WATCHERS
        assert first[-1] == "retry: 30000"
        await answers_at_once(browser)


async def test_silent_clients_give_their_places_back(page, monkeypatch):
    monkeypatch.setattr(listening, "REQUEST_S", 1.0)
    host, port = page.removeprefix("http://").split(":")
    silent = [await asyncio.open_connection(host, int(port)) for _ in range(MOST_CONNECTIONS + 20)]
    for reader, writer in silent:
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
    async with anna(page) as browser:
        await answers_at_once(browser)


async def test_a_form_that_never_ends_is_given_up(page, monkeypatch):
    monkeypatch.setattr(guard, "FORM_S", 0.5)

    async def slow():
        yield b"token="
        await asyncio.sleep(5)

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with anna(page) as browser:
        answer = await browser.post("/sign-in", content=slow(), headers=headers)
        assert answer.status_code == 408
        await answers_at_once(browser)


async def test_a_body_without_end_is_not_kept(page):
    sent = 0

    async def endless():
        nonlocal sent
        for _ in range(2000):
            sent += 1
            yield b"x" * 65_536

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with anna(page) as browser:
        with contextlib.suppress(httpx2.TransportError):
            assert (await browser.post("/sign-in", content=endless(), headers=headers)).status_code == 400
        assert sent < 2000
        await answers_at_once(browser)
