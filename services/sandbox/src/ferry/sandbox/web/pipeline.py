"""Every request's way: body, route, faults, handler, record, answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ferry.sandbox.admin.recorder import Record, Recorder
from ferry.sandbox.clock import Clock
from ferry.sandbox.faults.armed import Faults, Target
from ferry.sandbox.faults.outcomes import Outcome, commits, fault_answer, refused, send_body
from ferry.sandbox.thingplus.exempt import exempt_because
from ferry.sandbox.web.http import Answer, Request, Route, Routes
from ferry.sandbox.web.refusal import RefusalError
from ferry.sandbox.web.transport import close, reset

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
SILENT = frozenset({"reset_before", "reset_after", "blackhole"})
LARGEST_BODY = 4 * 1024 * 1024


class BodyTooLargeError(Exception):
    pass


class DisconnectedError(Exception):
    pass


class Pipeline:
    def __init__(
        self,
        routes: Routes,
        faults: Faults,
        recorder: Recorder,
        clock: Clock,
        tenant_of: Callable[[Request], str],
    ) -> None:
        self._routes = routes
        self._faults = faults
        self._recorder = recorder
        self._clock = clock
        self._tenant_of = tenant_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        method, path = scope["method"], _without_last_slash(scope["path"])
        request = Request(method, path, scope["query_string"], scope["headers"])
        route, request.params, allowed = self._routes.find(method, path)
        outcome = Outcome(None)
        try:
            request.body = await _body(receive)
        except DisconnectedError:
            return
        except BodyTooLargeError:
            outcome = Outcome(refused(path, 413, "INVALID_INPUT", "the body is too large"))
        else:
            if route is None:
                outcome = Outcome(_without_route(method, path, allowed))
            elif route.cloud and self._faults.armed:
                outcome = await self._under_faults(route, request)
            else:
                outcome = Outcome(handled(route, request))
        self._record(request, route, outcome, started)
        await self._finish(scope, receive, send, outcome)

    async def _under_faults(self, route: Route, request: Request) -> Outcome:
        target = Target(route.cloud, request.method, request.path, request.params, self._tenant_of(request))
        struck = self._faults.meet(target)
        names = [f"{armed.id}:{armed.fault.kind}" for armed in struck.all]
        for armed in struck.delays:
            await asyncio.sleep(armed.delay_s())
        if struck.last is None:
            return Outcome(handled(route, request), faults=names)
        fault = struck.last.fault
        answer = handled(route, request) if commits(fault) else None
        if fault.kind in SILENT:
            return Outcome(None, fault.kind, fault, names)
        shown = fault_answer(struck.last, route.cloud, answer, self._clock.now_s())
        return Outcome(shown, fault.kind, fault, names)

    def _record(self, request: Request, route: Route | None, outcome: Outcome, started: float) -> None:
        if route is not None and not route.cloud:
            return
        self._recorder.keep(
            Record(
                number=0,
                at=self._clock.now_ms(),
                method=request.method,
                path=request.path,
                query=request.query,
                route=route.template if route else "",
                cloud=route.cloud if route else "",
                tenant=request.tenant,
                status=outcome.answer.status if outcome.answer else None,
                duration_ms=(time.perf_counter() - started) * 1000,
                faults=outcome.faults,
                headers=request.headers,
                body=request.body,
            )
        )

    async def _finish(self, scope: Scope, receive: Receive, send: Send, outcome: Outcome) -> None:
        if outcome.answer is None:
            if outcome.kind != "blackhole":
                reset(scope)
            await _until_disconnected(receive)
            return
        if not await send_body(send, outcome.answer, outcome):
            close(scope)


def _without_route(method: str, path: str, allowed: list[str]) -> Answer:
    reason = exempt_because(path)
    if reason is not None:
        return refused(path, 404, "NOT_FOUND", f"the sandbox does not play this path of Thing+: {reason}")
    answer = refused(path, 405 if allowed else 404, "NOT_FOUND", f"{method} {path} is not there")
    if allowed:
        answer.headers.append((b"allow", ", ".join(allowed).encode()))
    return answer


def _without_last_slash(path: str) -> str:
    """Thing+ takes a path with a slash at its end as the one without."""
    return path[:-1] if path.startswith("/v2/") and path.endswith("/") and len(path) > len("/v2/") else path


def handled(route: Route, request: Request) -> Answer:
    try:
        return route.handler(request)
    except RefusalError as refusal:
        return Answer.of(refusal.status, refusal.body, refusal.headers)


async def _body(receive: Receive) -> bytes:
    """Raises BodyTooLargeError beyond LARGEST_BODY, and DisconnectedError when the client is gone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise BodyTooLargeError
    return b"".join(parts)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
