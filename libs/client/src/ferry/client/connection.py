"""Connects to a server, or reports why it cannot."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable
from typing import Any

import nats.errors
from nats.aio.client import Client

from ferry.bus.client import NotEncryptedError, TolerantClient
from ferry.bus.tls import certificate_hint
from ferry.client.errors import (
    CredentialsRefusedError,
    FerryError,
    NotConnectedError,
    NotPermittedError,
    SettingsError,
)
from ferry.client.settings import NatsSettings
from ferry.contract import topology

CONNECT_S = 3.0
PING_S = 5.0
"""A server that is gone without a word is missed after three of them."""
_DENIED = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]+)\"", re.IGNORECASE)
_REFUSED = re.compile(
    r"authorization violation|authentication (timeout|expired)|user authentication", re.IGNORECASE
)


def covers(pattern: str, subject: str) -> bool:
    """Whether a subject is one of a pattern's, with `*` and a last `>`."""
    wanted, given = pattern.split("."), subject.split(".")
    for number, part in enumerate(wanted):
        if part == ">":
            return len(given) > number
        if number >= len(given) or part not in {"*", given[number]}:
            return False
    return len(wanted) == len(given)


class Denial:
    """A right that the server says we lack; `subject` is in lower case, as nats-py passes it on."""

    def __init__(self, verb: str, subject: str) -> None:
        self.verb = verb
        self.subject = subject

    def forbids(self, pattern: str) -> bool:
        """Whether it concerns who sends to `pattern`, a subject that may have wildcards."""
        return self.verb == "publish" and covers(pattern.lower(), self.subject)

    def error(self, settings: NatsSettings, subject: str | None = None) -> NotPermittedError:
        what = subject or _as_sent(self.subject)
        whom = f"user {settings.user!r}" if settings.user else "this user"
        if self.verb == "publish":
            detail, right = f"{whom} may not publish to {what}", "publish"
        else:
            detail, right = f"{whom} may not subscribe to {what}", "subscribe"
        hint = (
            f'the server\'s configuration must allow it: permissions {{ {right}: {{ allow: [ "{what}" ] }} }}'
        )
        field = None
        if right == "subscribe":
            field = "FERRY_NATS__INBOX_PREFIX"
            hint = f"{field} must be the prefix that this user may subscribe to, such as _INBOX_<user>"
        return NotPermittedError.of(
            NotPermittedError.kind,
            NotPermittedError.status,
            "not permitted",
            detail=detail,
            hint=hint,
            field=field,
        )


def _as_sent(lowered: str) -> str:
    """A subject of JetStream's API in the case that a permission must have."""
    named = (*topology.STREAMS, *topology.CONSUMERS)
    names = {one.name.lower(): one.name for one in named}
    names |= {f"kv_{bucket.name}": f"KV_{bucket.name}" for bucket in topology.BUCKETS}
    if not lowered.startswith(("$js.", "$sys.", "$srv.")):
        return lowered
    return ".".join(names.get(token, token.upper()) for token in lowered.split("."))


def denial(error: Exception) -> Denial | None:
    found = _DENIED.search(str(error))
    return (
        Denial("publish" if found[1].lower() == "publish" else "subscribe", found[2].lower())
        if found
        else None
    )


async def open_client(
    settings: NatsSettings,
    *,
    name: str,
    on_error: Callable[[Exception], None],
    on_closed: Callable[[], None] = lambda: None,
    reconnects: bool = False,
) -> Client:
    """A connected client that does not reconnect by itself unless asked to: long-lived users open another.

    nats-py would keep what was not sent and send it later, behind our back and out of order.
    Raises SettingsError, CredentialsRefusedError or NotConnectedError, within a few seconds.
    """
    seen: list[Exception] = []
    client = TolerantClient(undecodable="replace")

    async def note(error: Exception) -> None:
        seen.append(error)
        del seen[:-8]
        on_error(error)

    async def closed() -> None:
        on_closed()

    options: dict[str, Any] = {
        **settings.options(),
        "name": name,
        "error_cb": note,
        "closed_cb": closed,
        "skip_subject_validation": True,
        "allow_reconnect": reconnects,
        "max_reconnect_attempts": -1 if reconnects else 1,
        "reconnect_time_wait": 0.1,
        "connect_timeout": CONNECT_S,
        "ping_interval": PING_S,
        "max_outstanding_pings": 2,
    }
    try:
        async with asyncio.timeout(CONNECT_S):
            await client.connect(**options)
    except Exception as error:  # noqa: BLE001 - nkeys, ssl and nats-py each have their own
        await _discard(client)
        raise explained(settings, [*seen, error]) from None
    except asyncio.CancelledError:
        await _discard(client)
        raise
    return client


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError | nats.errors.TimeoutError):
        return f"no answer within {CONNECT_S:g} s"
    return str(error) or type(error).__name__


async def _discard(client: Client) -> None:
    with contextlib.suppress(Exception):  # of a client that never was connected
        await client.close()


def explained(settings: NatsSettings, seen: list[Exception]) -> FerryError:
    """The first cause that says most; the last error is often only that no server is left."""
    where = settings.shown_url
    for error in seen:
        if isinstance(error, nats.errors.AuthorizationError) or _REFUSED.search(str(error)):
            return CredentialsRefusedError.saying(
                f"NATS at {where} refuses these credentials",
                detail=f"as user {settings.user!r}" if settings.user else "",
                hint="check the user, password or seed: FERRY_NATS__USER, FERRY_NATS__PASSWORD, "
                "FERRY_NATS__NKEY_SEED, or the context",
            )
        if isinstance(error, NotEncryptedError):
            return NotConnectedError.saying(
                f"no TLS with NATS at {where}",
                detail=str(error),
                hint="is it the right server and port? nats:// without FERRY_NATS__TLS_CA_FILE connects without TLS",
            )
        if isinstance(error, ssl.SSLError):
            return NotConnectedError.saying(
                f"no TLS with NATS at {where}",
                detail=getattr(error, "verify_message", None) or error.reason or str(error),
                hint=certificate_hint(error)
                or "FERRY_NATS__TLS_CA_FILE names the certificate of the server's authority",
            )
        if "invalid connect url" in str(error) or "hostname in connect url" in str(error):
            return SettingsError.saying(
                f"{where!r} is not a server's URL", hint=f"such as {NatsSettings().url}"
            )
    causes = [error for error in seen if not isinstance(error, nats.errors.NoServersError)] or seen
    return NotConnectedError.saying(
        f"no connection to NATS at {where}",
        detail=_words(causes[-1]),
        hint="is nats-server running there? Check FERRY_NATS__URL or the context",
    )
