"""The way to Thing+ and back in memory: latency, capacity, tokens, and every answer that is not what it should be."""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field

from ferry.telemetry.delivery.ports import Answer, Unreachable
from memory.thingplus import JSON, ThingPlus, envelope, split

ANSWER_S = 15.0
"""The caller's time-out."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    gateway: str
    sensor: str | None
    kind: str
    bearer: str


@dataclass(frozen=True, slots=True)
class Mishap:
    """What happens to one request. `kind` is a key of ANSWERS, or one of those below."""

    kind: str
    retry_after_s: float | None = None
    slow_s: float = 0.0


NO_ANSWER = frozenset({"blackhole", "reset", "commit_then_reset", "commit_then_blackhole", "slow"})
COMMITS = frozenset({"commit_then_reset", "commit_then_blackhole", "commit_then_html", "slow"})
_HTML = b"<html><body>maintenance</body></html>"
ANSWERS: dict[str, Answer] = {
    "html_200": Answer(200, _HTML, None, "text/html"),
    "empty_200": Answer(200, b"", None, ""),
    "200_with_400": Answer(200, envelope(400, code="SCHEMA_VALIDATE").body, None, JSON),
    "200_with_500": Answer(200, envelope(500, code="SERVER").body, None, JSON),
    "other_json": Answer(200, b'{"ok": true}', None, "application/json"),
    "html_404": Answer(404, _HTML, None, "text/html"),
    "html_403": Answer(403, _HTML, None, "text/html"),
    "redirect": Answer(302, b"", None, ""),
    "404": envelope(404, code="NOT_FOUND"),
    "403": envelope(403, code="ACL_DENY"),
    "409": envelope(409, code="CONFLICT"),
    "400": envelope(400, code="SCHEMA_VALIDATE"),
    "408": Answer(408, b"", None, ""),
    "413": Answer(413, _HTML, None, "text/html"),
    "429": envelope(429),
    "444": envelope(444),
    "471": envelope(471, code="BILLING"),
    "need_login": envelope(403, code="NEED_LOGIN"),
    "500": envelope(500, code="SERVER"),
    "502": Answer(502, _HTML, None, "text/html"),
    "503": envelope(503),
    "504": envelope(504),
    "600": envelope(600),
    "db_400": envelope(400, code="DB_ERROR"),
    "surprise": envelope(200, {"surprise": []}),
    "commit_then_html": Answer(200, _HTML, None, "text/html"),
}
TOKEN_REFUSALS = (
    Answer(401, b'"Access denied"', None, JSON),
    Answer(401, b'{"name":"JsonWebTokenError","message":"invalid signature"}', None, JSON),
    Answer(401, b'{"name":"TokenExpiredError","message":"jwt expired","expiredAt":1}', None, JSON),
    Answer(403, b'{"statusCode":403,"message":"jwt malformed"}', None, JSON),
    envelope(401, code="NEED_LOGIN"),
)


@dataclass
class MemoryCloud:
    """`mishap` says what happens to a request; `capacity` is how many are served at once, the rest waits in line."""

    thingplus: ThingPlus
    latency_s: Callable[[], float]
    mishap: Callable[[Request], Mishap | None] = lambda _: None
    accepts: Callable[[str], bool] = lambda _: True
    refusal: Answer = TOKEN_REFUSALS[0]
    capacity: int = 1000
    answer_s: float = ANSWER_S
    on_answer: Callable[[Request, str], None] = lambda *_: None
    busy: int = 0
    most_busy: int = 0
    _line: list[asyncio.Future[None]] = field(default_factory=list)
    _context: Context = field(default_factory=copy_context)

    async def put(self, path: str, body: bytes, bearer: str) -> Answer:
        return await self._exchange("PUT", path, bearer, lambda: self.thingplus.put(path, body))

    async def get(self, path: str, query: dict[str, str], bearer: str) -> Answer:
        return await self._exchange("GET", path, bearer, lambda: self.thingplus.get(path, query))

    async def _exchange(self, method: str, path: str, bearer: str, work: Callable[[], Answer]) -> Answer:
        """The caller may be killed or stopped meanwhile: what it has sent arrives."""
        request = Request(method, *split(path), bearer)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().create_task(self._serve(request, work, answered), context=self._context)
        try:
            async with asyncio.timeout(self.answer_s):
                return await answered
        except TimeoutError:
            raise Unreachable("timed out") from None

    async def _serve(
        self, request: Request, work: Callable[[], Answer], answered: "asyncio.Future[Answer]"
    ) -> None:
        latency_s = self.latency_s()
        await asyncio.sleep(latency_s / 2)
        await self._enter()
        try:
            await asyncio.sleep(latency_s / 4)
            answer = await self._answer(request, work)
        finally:
            self._leave()
        await asyncio.sleep(latency_s / 4)
        if answered.done() or answer is None:
            return
        if isinstance(answer, Unreachable):
            answered.set_exception(answer)
        else:
            answered.set_result(answer)

    async def _answer(self, request: Request, work: Callable[[], Answer]) -> Answer | Unreachable | None:
        """None: the caller hears nothing any more."""
        mishap = self.mishap(request)
        self.on_answer(request, mishap.kind if mishap else "good")
        if mishap is None:
            return work() if self.accepts(request.bearer) else self.refusal
        if mishap.kind == "slow":
            await asyncio.sleep(mishap.slow_s)
            return work()
        if mishap.kind in COMMITS:
            work()
        if mishap.kind in NO_ANSWER:
            return Unreachable("reset") if mishap.kind.endswith("reset") else None
        answer = ANSWERS[mishap.kind]
        return Answer(answer.status, answer.body, mishap.retry_after_s, answer.content_type)

    async def _enter(self) -> None:
        if self.busy >= self.capacity:
            turn = asyncio.get_running_loop().create_future()
            self._line.append(turn)
            await turn
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)

    def _leave(self) -> None:
        self.busy -= 1
        if self._line:
            self._line.pop(0).set_result(None)
