"""The stream's answers to a publish, and what a missing answer means."""

from pydantic_core import from_json

from ferry.client.errors import NotConfirmedError, NotStoredError, RefusedError

TOO_LARGE = 10054
"""JetStream's error code (server/errors.json): message size exceeds maximum allowed."""


def unconfirmed(why: str) -> NotConfirmedError:
    return NotConfirmedError.saying(
        "no acknowledgement from the stream",
        detail=why,
        hint="it may have been stored nevertheless: publish it again",
    )


def sequence_of(body: bytes) -> int:
    """Of a PubAck (ADR-2). Raises FerryError for a refusal, and for what is no PubAck."""
    try:
        answer = from_json(body)
        refusal = answer.get("error")
        if refusal is None:
            return int(answer["seq"])
        words, code = str(refusal.get("description") or refusal), refusal.get("err_code")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise unconfirmed("the answer is not an acknowledgement of a stream") from None
    if code == TOO_LARGE:
        raise RefusedError.saying("the stream refuses a reading of this size", detail=words)
    raise NotStoredError.saying(
        "the stream did not accept it", detail=words, hint="is it full? `ferry doctor` shows its fill"
    )
