"""Decodes text from outside and makes it safe for a log, a terminal and a header. Pure."""

import json
from collections.abc import Collection, Iterable
from typing import Any

MAX_WORDS = 300
MAX_CODE = 64


def clean(text: str, most: int = MAX_WORDS, secrets: Collection[str] = ()) -> str:
    """One line of at most `most` printable characters; a cloud that echoes a secret does not get it into our log."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    text = text[: most * 4]
    if not text.isprintable():
        text = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(text.split())[:most].strip()


def parse_json(body: bytes) -> tuple[bool, Any]:
    """Whether it is JSON (RFC 8259: no NaN, no nesting beyond sense), and the value. Bad UTF-8 is replaced."""
    try:
        return True, json.loads(body.decode(errors="replace").lstrip("\ufeff"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False, None


def read_words(said: Any, secrets: Collection[str] = ()) -> tuple[str, str]:
    """Code and message of Thing+'s envelope, its TokenError, RFC 6749's error, OtoSense's message, or a string."""
    if isinstance(said, str):
        return "", clean(said, secrets=secrets)
    if not isinstance(said, dict):
        return "", ""
    errors = said.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = _first_text((first.get("code"), said.get("code"), said.get("error"), said.get("name")))
    message = _first_text((first.get("message"), said.get("message"), said.get("error_description")))
    return clean(code, MAX_CODE, secrets), clean(message, secrets=secrets)


def media_type(content_type: str, body: bytes) -> str:
    """`text/html` of `text/html; charset=utf-8`; without one, whether there was a body."""
    named = clean(content_type.partition(";")[0].lower(), 80)
    return named or ("untyped body" if body.strip() else "empty body")


def _first_text(candidates: Iterable[Any]) -> str:
    return next((item for item in candidates if isinstance(item, str) and item), "")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
