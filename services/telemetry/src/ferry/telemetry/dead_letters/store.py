"""Reads, replays and discards FERRY_DEAD. A letter is deleted only after its replay was stored."""

import base64
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from ferry.contract import dead, topology
from ferry.contract.problems import ProblemError
from ferry.contract.subjects import PREFIX, parse_published
from ferry.contract.telemetry import DeadChoice, DeadDone, DeadFilter, DeadLetter, DeadList
from ferry.telemetry.dead_letters.address import address_of

STREAM = topology.DEAD.name
PAGE_BYTES = 512 * 1024
"""Of one page's JSON, below the bus's max_payload of 1 MiB; a letter that alone is larger is shown cut."""
PAGE_S = 2.0
"""Time limit of a page, which the next one continues: the client waits 30 s."""
WORK_S = 10.0
"""Time limit of a replay or discard, which returns where to continue: the client waits 30 s."""
SHOWN_BODY = 4 * 1024
"""Characters of a body too large for a page: `get` has all of it."""
SHOWN_TEXT = 16 * 1024
"""Characters of a header that are shown."""

Replaying = Callable[[str], AbstractContextManager[str]]
"""Around a replay, from the dead letter's `traceparent`; gives the one that it is published with."""

_log = structlog.get_logger(__name__)


class DeadLetters:
    def __init__(self, jetstream: JetStreamContext, replaying: Replaying = nullcontext) -> None:
        self._jetstream = jetstream
        self._replaying = replaying

    async def list(self, wanted: DeadFilter) -> DeadList:
        """A page ends at `limit` letters, at PAGE_BYTES or after PAGE_S; `next` says where the next one begins."""
        items: list[DeadLetter] = []
        size, last, ends = 0, wanted.after, time.monotonic() + PAGE_S
        async for letter, matches in self.scanned(wanted):
            if matches:
                shown = _fitting(letter)
                size += _size(shown)
                if items and size > PAGE_BYTES:
                    return DeadList(items=items, next=last)
                items.append(shown)
            last = letter.id
            if len(items) == wanted.limit or time.monotonic() >= ends:
                return DeadList(items=items, next=last)
        return DeadList(items=items)

    async def get(self, number: int) -> DeadLetter:
        """Raises ProblemError 404."""
        return _letter(await self._message(number))

    async def replay(self, choice: DeadChoice) -> DeadDone:
        """Publishes the body as it was, to where it was; the cloud's own comparison makes a repeat harmless."""
        return await self._each(choice, publish=True)

    async def discard(self, choice: DeadChoice) -> DeadDone:
        return await self._each(choice, publish=False)

    async def _each(self, choice: DeadChoice, *, publish: bool) -> DeadDone:
        if choice.id is not None:
            await self._finish(await self._message(choice.id), publish=publish)
            return DeadDone(done=1)
        filters = (choice.reason, choice.gateway, choice.sensor, choice.since, choice.until)
        if not choice.all and all(given is None for given in filters):
            raise ProblemError.of(
                "too-broad",
                400,
                "no dead letter was chosen",
                field="all",
                hint="give an id, a filter, or all",
            )
        page = await self.list(choice)
        done, failed, ends = 0, 0, time.monotonic() + WORK_S
        for letter in page.items:
            try:
                await self._finish(await self._message(letter.id), publish=publish)
                done += 1
            except (ProblemError, nats.errors.Error, TimeoutError) as error:
                failed += 1
                _log.warning("dead_letter.not_finished", id=letter.id, error=type(error).__name__)
            if time.monotonic() >= ends and letter is not page.items[-1]:
                return DeadDone(done=done, failed=failed, next=letter.id)
        return DeadDone(done=done, failed=failed, next=page.next)

    async def _finish(self, message: RawStreamMsg, *, publish: bool) -> None:
        headers = message.headers or {}
        if publish:
            subject = _text(headers, dead.SUBJECT)
            _refuse_unreplayable(subject)
            with self._replaying(_text(headers, dead.TRACEPARENT)) as traceparent:
                kept = {dead.PUBLISHED_AT: _text(headers, dead.PUBLISHED_AT), dead.TRACEPARENT: traceparent}
                carried = {
                    name: text
                    for name, text in kept.items()
                    if text and text.isascii() and text.isprintable()
                }
                await self._jetstream.publish(
                    subject, message.data or b"", timeout=5, headers=carried or None
                )
        try:
            await self._jetstream.delete_msg(STREAM, int(message.seq or 0))
        except NotFoundError:
            return  # another request was quicker

    async def _message(self, number: int) -> RawStreamMsg:
        try:
            return await self._jetstream.get_msg(STREAM, seq=number, direct=True)
        except NotFoundError:
            raise ProblemError.of(
                "no-dead-letter", 404, f"there is no dead letter {number}", field="id"
            ) from None

    async def scanned(self, wanted: DeadFilter) -> AsyncIterator[tuple[DeadLetter, bool]]:
        """Each letter under the filter's subject up to `until`, and whether it is not older than `since`."""
        subject = subjects_of(wanted)
        after = wanted.after
        while True:
            try:
                message = await self._jetstream.get_msg(
                    STREAM, seq=after + 1, subject=subject, direct=True, next=True
                )
            except NotFoundError:
                return
            letter = _letter(message)
            after = letter.id
            if wanted.until is not None and letter.dead_at > wanted.until:
                return
            yield letter, wanted.since is None or letter.dead_at >= wanted.since


def subjects_of(wanted: DeadFilter) -> str:
    """What of the stream can match: all but times."""
    return f"{PREFIX}.dead.{wanted.reason or '*'}.{wanted.gateway or '*'}.{wanted.sensor or '*'}"


def _refuse_unreplayable(subject: str) -> None:
    try:
        parse_published(subject)
    except ValueError as error:
        raise ProblemError.of(
            "not-replayable", 409, "this subject can never be delivered", detail=str(error), hint="discard it"
        ) from None


def _letter(message: RawStreamMsg) -> DeadLetter:
    """Never raises, whatever the headers: only telemetry writes them, but the stream does not check that."""
    headers = message.headers or {}
    subject = _text(headers, dead.SUBJECT)
    gateway, sensor = address_of(subject)
    body = message.data or b""
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    return DeadLetter(
        id=int(message.seq or 0),
        reason=_text(headers, dead.REASON),
        detail=_text(headers, dead.DETAIL),
        http_status=_number(headers, dead.HTTP_STATUS) or None,
        subject=subject,
        gateway=gateway,
        sensor=sensor,
        attempts=_number(headers, dead.ATTEMPTS),
        sequence=_number(headers, dead.SEQUENCE),
        published_at=_number(headers, dead.PUBLISHED_AT),
        dead_at=_number(headers, dead.DEAD_AT),
        traceparent=_text(headers, dead.TRACEPARENT) or None,
        body=text,
        body_base64=encoded,
    )


def _text(headers: Mapping[str, object], name: str) -> str:
    """nats-py gives bytes that are not UTF-8 as surrogates, or as an email.header.Header."""
    return str(headers.get(name, "")).encode(errors="backslashreplace").decode()[:SHOWN_TEXT]


def _number(headers: Mapping[str, object], name: str) -> int:
    """0 unless it is a number of at most 18 digits."""
    text = _text(headers, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0  # noqa: PLR2004 - fits int64


def _size(letter: DeadLetter) -> int:
    return len(letter.model_dump_json())


def _fitting(letter: DeadLetter) -> DeadLetter:
    """Itself, or with its body cut: no single letter may keep a page from being sent."""
    if _size(letter) <= PAGE_BYTES:
        return letter
    return letter.model_copy(update={"body": letter.body[:SHOWN_BODY], "body_cut": True})
