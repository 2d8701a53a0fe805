"""Creates an OAuth client at Thing+ with a portal session (guide, chapter 3)."""

import contextlib
import re
from collections.abc import Callable

from pydantic import SecretStr, ValidationError

from ferry.clouds.errors import BadAnswerError, CloudError, RefusedError
from ferry.clouds.http import CloudHttp
from ferry.clouds.thingplus import tokens as thingplus_tokens
from ferry.contract.auth import Client, ClientRequest
from ferry.contract.problems import ProblemError

_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}", re.ASCII)
"""RFC 6265 section 4.1.1: no space, quote, comma, semicolon or backslash."""
_CONFLICT = 409


async def create(connect: Callable[[], CloudHttp], request: ClientRequest) -> Client:
    """Raises ProblemError with the cloud's words, and with what to do."""
    given = _session(request)
    if given is None and not (request.login_id and request.password):
        raise ProblemError.of(
            "no-session",
            400,
            "a portal session is needed to create a client",
            field="session",
            hint="give the cookie dwTPlus of a portal session as `session`, or `loginId` and `password`",
        )
    try:
        async with connect() as http:
            if given:
                return await _create(http, given, request)
            session = await thingplus_tokens.login(
                http, request.login_id or "", request.password or SecretStr("")
            )
            try:
                return await _create(http, session, request)
            finally:
                with contextlib.suppress(CloudError):
                    await thingplus_tokens.logout(http, session)
    except CloudError as error:
        raise _problem(error) from None


async def _create(http: CloudHttp, session: SecretStr, request: ClientRequest) -> Client:
    found = await thingplus_tokens.create_client(
        http,
        session,
        name=request.name,
        req_id=request.req_id,
        client_secret=request.client_secret,
        scopes=request.scopes,
    )
    try:
        return Client.model_validate(found)
    except ValidationError:
        raise BadAnswerError(201, "no client in its data") from None


def _session(request: ClientRequest) -> SecretStr | None:
    if request.session is None:
        return None
    value = request.session.get_secret_value().strip()
    value = value.removeprefix(f"{thingplus_tokens.SESSION_COOKIE}=")
    if not _COOKIE_VALUE.fullmatch(value):
        raise ProblemError.of(
            "invalid-request", 400, "the session is no cookie's value", field="session", hint="copy it again"
        )
    return SecretStr(value)


def _problem(error: CloudError) -> ProblemError:
    if isinstance(error, RefusedError) and error.status == _CONFLICT:
        return ProblemError.of(
            "client-exists",
            409,
            "Thing+ already has a client with this id",
            detail=str(error),
            field="reqId",
            hint="choose another id",
        )
    if isinstance(error, RefusedError) and error.status in {401, 403}:
        return ProblemError.of(
            "session-refused",
            error.status,
            "Thing+ refuses the portal session",
            detail=str(error),
            hint="log in to the portal as a service administrator; the password is sent as its md5",
        )
    status = error.status if isinstance(error, RefusedError) and error.status < 500 else 502  # noqa: PLR2004
    return ProblemError.of("client-not-created", status, "Thing+ made no client", detail=str(error))
