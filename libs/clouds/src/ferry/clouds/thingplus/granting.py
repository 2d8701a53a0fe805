"""The result of a call to Thing+ with a bearer token: an answer, or the matching error."""

from collections.abc import Sequence

from ferry.clouds.answer import Answer
from ferry.clouds.errors import BadAnswerError, BearerRefusedError, RefusedError
from ferry.clouds.replies import Kind
from ferry.clouds.retry_after import retry_after_s
from ferry.clouds.thingplus.answers import read_reply

_SUCCESS = range(200, 300)


def granted(answer: Answer, *, secrets: Sequence[str] = (), accept_any_json: bool = False) -> Answer:
    """The answer, if it is a 2xx in Thing+'s own words. Raises CloudError's family."""
    reply = read_reply(
        answer.status,
        answer.text.encode(errors="replace"),
        answer.headers.get("content-type", ""),
        accept_any_json=accept_any_json,
        secrets=secrets,
    )
    if reply.status in _SUCCESS and not reply.content_type:
        return answer  # a 207 too: who registers is shown which parts are there
    if reply.kind is Kind.FOREIGN:
        raise BadAnswerError(reply.status, reply.words.removeprefix(f"{reply.status} "))
    kind = BearerRefusedError if reply.kind is Kind.BEARER else RefusedError
    said = reply.message or (f"{reply.content_type}: not Thing+'s" if reply.content_type else "(no words)")
    wait_s = retry_after_s(answer.headers.get("retry-after"), answer.headers.get("date"))
    raise kind(reply.status, reply.code, said, wait_s)
