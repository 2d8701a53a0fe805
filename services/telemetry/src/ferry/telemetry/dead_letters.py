"""FERRY_DEAD read, replayed and discarded. A letter is deleted only after its replay was stored."""

import base64
from collections.abc import AsyncIterator

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from ferry.contract import dead, topology
from ferry.contract.problems import ProblemError
from ferry.contract.subjects import PREFIX, parse_published
from ferry.contract.telemetry import DeadChoice, DeadDone, DeadFilter, DeadLetter, DeadList
from ferry.telemetry.fates import address_of

STREAM = topology.DEAD.name


class DeadLetters:
    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def list(self, wanted: DeadFilter) -> DeadList:
        items: list[DeadLetter] = []
        async for letter in self._matching(wanted):
            items.append(letter)
            if len(items) == wanted.limit:
                return DeadList(items=items, next=letter.id)
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
        for letter in page.items:
            await self._finish(await self._message(letter.id), publish=publish)
        return DeadDone(done=len(page.items), next=page.next)

    async def _finish(self, message: RawStreamMsg, *, publish: bool) -> None:
        headers = message.headers or {}
        if publish:
            subject = headers.get(dead.SUBJECT, "")
            _refuse_unreplayable(subject)
            carried = {
                name: headers[name] for name in (dead.PUBLISHED_AT, dead.TRACEPARENT) if name in headers
            }
            await self._jetstream.publish(subject, message.data or b"", timeout=5, headers=carried or None)
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

    async def _matching(self, wanted: DeadFilter) -> AsyncIterator[DeadLetter]:
        subject = f"{PREFIX}.dead.{wanted.reason or '*'}.{wanted.gateway or '*'}.{wanted.sensor or '*'}"
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
            if wanted.since is None or letter.dead_at >= wanted.since:
                yield letter


def _refuse_unreplayable(subject: str) -> None:
    try:
        parse_published(subject)
    except ValueError as error:
        raise ProblemError.of(
            "not-replayable", 409, "this subject can never be delivered", detail=str(error), hint="discard it"
        ) from None


def _letter(message: RawStreamMsg) -> DeadLetter:
    headers = message.headers or {}
    subject = headers.get(dead.SUBJECT, "")
    gateway, sensor = address_of(subject)
    body = message.data or b""
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    status = headers.get(dead.HTTP_STATUS)
    return DeadLetter(
        id=int(message.seq or 0),
        reason=headers.get(dead.REASON, ""),
        detail=headers.get(dead.DETAIL, ""),
        http_status=int(status) if status else None,
        subject=subject,
        gateway=gateway,
        sensor=sensor,
        attempts=int(headers.get(dead.ATTEMPTS, 0)),
        sequence=int(headers.get(dead.SEQUENCE, 0)),
        published_at=int(headers.get(dead.PUBLISHED_AT, 0)),
        dead_at=int(headers.get(dead.DEAD_AT, 0)),
        traceparent=headers.get(dead.TRACEPARENT),
        body=text,
        body_base64=encoded,
    )
