"""The position of an import: the page of the cloud's gateways, and which of them are left."""

import re
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(r"p(\d{1,9})(?::([A-Za-z0-9_,-]*):([A-Za-z0-9_-]*))?", re.ASCII)
END = "end"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Without `only`, all of the page's gateways. `page` is None when only the comparison of all is left.

    `before` is the first gateway of the page before: a cloud that repeats a page has no more.
    """

    page: int | None = 0
    only: tuple[str, ...] = ()
    before: str = ""

    def __str__(self) -> str:
        if self.page is None:
            return END
        return f"p{self.page}:{','.join(self.only)}:{self.before}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError."""
        if text == END:
            return cls(None)
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("no cursor of an import")
        return cls(int(found[1]), tuple(found[2].split(",")) if found[2] else (), found[3] or "")
