"""OtoSense's paths: decode, call, answer."""

from typing import Any

import msgspec

from ferry.sandbox.otosense.sensors import Sensors
from ferry.sandbox.otosense.tokens import Grant, TokenDesk
from ferry.sandbox.web.http import Answer, Request, Route
from ferry.sandbox.web.refusal import RefusalError


class Provision(msgspec.Struct, forbid_unknown_fields=True):
    cert: str


class OtoSenseRoutes:
    def __init__(self, desk: TokenDesk, sensors: Sensors) -> None:
        self._desk = desk
        self._sensors = sensors

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/otosense/oauth/token", self.token, "otosense"),
            Route("POST", "/otosense/sensors", self.provision, "otosense"),
            Route("GET", "/otosense/sensors/{sensor}", self.get, "otosense"),
        ]

    def token(self, request: Request) -> Answer:
        try:
            given = _json(request.body) if request.is_json() else _once(request.form())
        except (ValueError, RecursionError):
            raise RefusalError(400, {"message": "the body is neither a form nor a JSON object"}) from None
        answer = self._desk.token(request.header(b"authorization"), given)
        return Answer.of(200, answer, {"Cache-Control": "no-store"})

    def provision(self, request: Request) -> Answer:
        grant = self._granted(request)
        try:
            wanted = msgspec.json.decode(request.body, type=Provision)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise RefusalError(400, {"message": str(problem)}) from None
        return Answer.of(200, self._sensors.provision(grant.tenant, grant.client_id, wanted.cert))

    def get(self, request: Request) -> Answer:
        grant = self._granted(request)
        return Answer.of(200, self._sensors.get(grant.tenant, request.params["sensor"]))

    def _granted(self, request: Request) -> Grant:
        grant = self._desk.bearer(request.header(b"authorization"))
        request.tenant = grant.tenant
        return grant


def _json(body: bytes) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any])


def _once(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    given = dict(pairs)
    if len(given) != len(pairs):
        raise ValueError("a parameter is repeated")
    return given
