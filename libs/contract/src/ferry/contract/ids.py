"""Ids become subject tokens, bucket keys and URLs, so one safe alphabet is used for all."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

MAX_ID_LENGTH = 128
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


def is_safe_id(text: str) -> bool:
    return _SAFE.fullmatch(text) is not None


def safe_id(text: str) -> str:
    """The id itself. Raises ValueError when it is not one safe subject token."""
    if is_safe_id(text):
        return text
    if not text:
        raise ValueError("an id must not be empty")
    if len(text) > MAX_ID_LENGTH:
        raise ValueError(f"an id has at most {MAX_ID_LENGTH} characters, this one has {len(text)}")
    bad = sorted({character for character in text if not is_safe_id(character)})
    shown = " ".join(repr(character) for character in bad[:8])
    raise ValueError(f"an id has only letters, digits, '-' and '_'; this one also has {shown}")


EntityId = Annotated[
    str,
    AfterValidator(safe_id),
    WithJsonSchema({"type": "string", "pattern": f"^[A-Za-z0-9_-]{{1,{MAX_ID_LENGTH}}}$"}),
]
