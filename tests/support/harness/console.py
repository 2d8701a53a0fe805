"""The console as a process beside a suite, and as a browser without scripts sees it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape

import httpx2

from harness.processes import free_port
from harness.services import Running, Suite

NAME = "anna"
TOKEN = "token-of-anna-in-the-tests-0123456789"  # gitleaks:allow


@dataclass
class Console:
    url: str
    running: Running

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[httpx2.AsyncClient]:
        """Somebody who is not signed in."""
        own = {"Origin": self.url}
        async with httpx2.AsyncClient(base_url=self.url, headers=own, timeout=30) as client:
            yield client

    @asynccontextmanager
    async def anna(self) -> AsyncIterator[httpx2.AsyncClient]:
        async with self.visitor() as client:
            answer = await client.post("/sign-in", data={"token": TOKEN})
            assert answer.status_code == 303, answer.text
            yield client


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


async def start(suite: Suite, **env: str) -> Console:
    port = free_port()
    given = {
        f"FERRY_CONSOLE__TOKENS__{NAME.upper()}": TOKEN,
        "FERRY_CONSOLE__HOST": "127.0.0.1",
        "FERRY_CONSOLE__PORT": str(port),
        **env,
    }
    running = await suite.start("console", given)
    return Console(f"http://127.0.0.1:{port}", running)
