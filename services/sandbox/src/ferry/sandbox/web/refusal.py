"""An answer that is not the one asked for; each cloud has its own shape of body."""

from typing import Any


class RefusalError(Exception):
    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}
