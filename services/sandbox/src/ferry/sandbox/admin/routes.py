"""What tests and the page ask of the sandbox itself; no cloud has these paths."""

from typing import Any, Literal

import msgspec

from ferry.sandbox.admin.control import Control, CredentialChange, SeriesChange, TokenChange
from ferry.sandbox.faults.fault import Fault
from ferry.sandbox.web.http import Answer, Request, Route
from ferry.sandbox.web.refusal import RefusalError

MOST = 5000


class Revoke(msgspec.Struct, forbid_unknown_fields=True):
    tenant: str | None = None
    cloud: Literal["thingplus", "otosense"] | None = None


class Connect(msgspec.Struct, forbid_unknown_fields=True):
    """`plan` is one of the four; `delay_s` any other time from now; neither: at this moment."""

    plan: Literal["at_once", "late", "after_sleep", "never"] | None = None
    delay_s: float = 0.0


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    advance_s: float = 0.0
    scale: float | None = None


class Admin:
    def __init__(self, control: Control) -> None:
        self._control = control

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/healthz", self.healthy),
            Route("GET", "/admin/points", self.points),
            Route("GET", "/admin/series/{gateway}/{sensor}", self.series),
            Route("GET", "/admin/requests", self.requests),
            Route("GET", "/admin/counters", self.counters),
            Route("GET", "/admin/faults", self.faults),
            Route("POST", "/admin/faults", self.add_fault),
            Route("DELETE", "/admin/faults", self.remove_faults),
            Route("DELETE", "/admin/faults/{id}", self.remove_faults),
            Route("POST", "/admin/revoke", self.revoke),
            Route("POST", "/admin/tokens", self.tokens),
            Route("POST", "/admin/credentials", self.credentials),
            Route("GET", "/admin/series-format", self.series_format),
            Route("POST", "/admin/series-format", self.set_series_format),
            Route("POST", "/admin/reset", self.reset),
            Route("GET", "/admin/state", self.state),
            Route("POST", "/admin/sensors/{id}/connect", self.connect),
            Route("GET", "/admin/clock", self.clock),
            Route("POST", "/admin/clock", self.set_clock),
            Route("GET", "/admin/fleet", self.fleet),
        ]

    def healthy(self, _: Request) -> Answer:
        return Answer.of(200, {"status": "ok"})

    def points(self, request: Request) -> Answer:
        return Answer.of(200, self._control.points(_argument(request, "tenant") or None))

    def series(self, request: Request) -> Answer:
        found = self._control.series(
            request.params["gateway"], request.params["sensor"], _number(request, "last", None)
        )
        if found is None:
            raise RefusalError(404, {"message": "no such sensor"})
        return Answer.of(200, found)

    def requests(self, request: Request) -> Answer:
        path, status = _argument(request, "path"), _argument(request, "status")
        return Answer.of(200, self._control.recorder.find(_number(request, "limit", 100) or 0, path, status))

    def counters(self, _: Request) -> Answer:
        return Answer.of(200, self._control.counters())

    def faults(self, _: Request) -> Answer:
        return Answer.of(200, self._control.faults.shown())

    def add_fault(self, request: Request) -> Answer:
        try:
            return Answer.of(201, {"id": self._control.faults.add(_decoded(request, Fault))})
        except ValueError as problem:
            raise RefusalError(400, {"message": str(problem)}) from None

    def remove_faults(self, request: Request) -> Answer:
        gone = self._control.faults.remove(request.params.get("id"))
        if "id" in request.params and not gone:
            raise RefusalError(404, {"message": "no such fault"})
        return Answer.of(200, {"removed": gone})

    def revoke(self, request: Request) -> Answer:
        wanted = _decoded(request, Revoke)
        return Answer.of(200, {"revoked": self._control.revoke(wanted.cloud, wanted.tenant)})

    def tokens(self, request: Request) -> Answer:
        return Answer.of(200, self._control.set_tokens(_decoded(request, TokenChange)))

    def credentials(self, request: Request) -> Answer:
        return Answer.of(200, self._control.set_credentials(_decoded(request, CredentialChange)))

    def series_format(self, _: Request) -> Answer:
        return Answer.of(200, self._control.series_format())

    def set_series_format(self, request: Request) -> Answer:
        return Answer.of(200, self._control.set_series_format(_decoded(request, SeriesChange)))

    def reset(self, _: Request) -> Answer:
        self._control.reset()
        return Answer.of(200, {})

    def state(self, _: Request) -> Answer:
        return Answer.of(200, self._control.state())

    def connect(self, request: Request) -> Answer:
        wanted = _decoded(request, Connect)
        self._control.connect(request.params["id"], wanted.plan, wanted.delay_s)
        return Answer.of(200, {})

    def clock(self, _: Request) -> Answer:
        clock = self._control.clock
        return Answer.of(200, {"now": clock.now_ms(), "scale": clock.scale})

    def set_clock(self, request: Request) -> Answer:
        wanted = _decoded(request, ClockChange)
        if wanted.advance_s < 0 or (wanted.scale is not None and wanted.scale <= 0):
            raise RefusalError(400, {"message": "time goes forward"})
        self._control.clock.set(advance_s=wanted.advance_s, scale=wanted.scale)
        return self.clock(request)

    def fleet(self, request: Request) -> Answer:
        limit = _number(request, "limit", 100) or 0
        return Answer.of(200, self._control.fleet(_argument(request, "find"), limit))


def _argument(request: Request, name: str) -> str:
    return dict(request.arguments()).get(name, "")


def _number(request: Request, name: str, default: int | None) -> int | None:
    text = _argument(request, name)
    if not text:
        return default
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(MOST))
    if not digits or int(text) > MOST:
        raise RefusalError(400, {"message": f"{name} is a number up to {MOST}"})
    return int(text)


def _decoded(request: Request, shape: type[Any]) -> Any:
    try:
        return msgspec.json.decode(request.body or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise RefusalError(400, {"message": str(problem)}) from None
