"""Both token endpoints on a real socket: tokens that end, every way to be refused or disturbed."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

SECRET = "canary-client-secret"
PASSWORD = "canary-password"
PASSWORD_MD5 = "c441e2a6c2be6cd0b972dac3865fcde3"
OTOSENSE_SECRET = "canary otosense+secret"


@dataclass
class TokenCloud:
    """Grants tokens of `life_s`, each good until then; `answer`, when set, is said in place of a token."""

    url: str = ""
    life_s: float = 3600.0
    answer: bytes | None = None
    echo: int | None = None
    """A status to refuse with, saying back every secret that was sent."""
    hold: asyncio.Event | None = None
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    good_until: dict[str, float] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=lambda: {SECRET})

    @property
    def granted(self) -> list[str]:
        return list(self.good_until)

    def accepts(self, token: str) -> bool:
        return time.monotonic() < self.good_until.get(token, 0)

    def revoke(self) -> None:
        self.good_until = dict.fromkeys(self.good_until, 0.0)

    def count(self, path: str) -> int:
        return sum(1 for asked, _, _ in self.asked if asked == path)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            path = lines[0].split()[1]
            form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
            self.asked.append((path, headers, form))
            if self.hold:
                await self.hold.wait()
            if self.echo:
                sent = " ".join((body.decode(), headers.get("authorization", ""), headers.get("cookie", "")))
                self.answer = reply(self.echo, json.dumps({"message": sent, "code": sent}).encode())
            writer.write(self.answer if self.answer is not None else self._grant(path, headers, form))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _grant(self, path: str, headers: dict[str, str], form: dict[str, str]) -> bytes:
        if path.endswith("/oauth/token"):
            given = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
            refused = given != f"oto:{OTOSENSE_SECRET}" and b'{"message":"who?"}'
        else:
            refused = form.get("client_secret") not in self.secrets and (
                b'{"name":"TokenError","message":"wrong","code":"incorrect_client_credentials","status":401}'
            )
        if refused:
            return reply(401, refused)
        token = f"canary-token-{len(self.good_until) + 1}"
        self.good_until[token] = time.monotonic() + self.life_s
        grant = {"access_token": token, "token_type": "bearer", "expires_in": self.life_s}
        return reply(200, json.dumps(grant).encode())


def reply(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def token_cloud() -> AsyncIterator[TokenCloud]:
    cloud = TokenCloud()
    server = await asyncio.start_server(cloud.serve, "127.0.0.1", 0)
    cloud.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield cloud
        if cloud.hold:
            cloud.hold.set()
