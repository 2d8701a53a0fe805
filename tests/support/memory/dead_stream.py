"""FERRY_DEAD in memory, as far as JetStream's API is used for dead letters, and what a replay publishes."""

import json
from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from nats.js.errors import APIError, NotFoundError

from ferry.contract import topology

STORED_BESIDE = 22
"""Bytes that a message takes in a stream beside its subject, headers and body: about what nats-server counts."""
PAGE = 100_000
"""Subjects in one answer of the stream's counts."""


class MemoryDeadStream:
    """`published` has what went elsewhere; `max_bytes` refuses what would not fit, as `discard: new` does."""

    def __init__(self, max_bytes: int = topology.DEAD.max_bytes) -> None:
        self.max_bytes = max_bytes
        self.letters: dict[int, tuple[str, Mapping[str, str] | None, bytes]] = {}
        self.published: list[tuple[str, bytes, Mapping[str, str]]] = []
        self._last = 0

    @property
    def used(self) -> int:
        return sum(_size(*letter) for letter in self.letters.values())

    async def publish(
        self, subject: str, body: bytes, timeout: float = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        if not subject.startswith(topology.DEAD.subjects[0].removesuffix(">")):
            self.published.append((subject, body, headers or {}))
            return
        if self.used + _size(subject, headers, body) > self.max_bytes:
            raise APIError(code=503, err_code=10077, description="maximum bytes exceeded")
        self.add(headers, body, subject)

    def add(
        self, headers: Mapping[str, str] | None, body: bytes, subject: str = "ferry.v1.dead.x.g.s"
    ) -> None:
        self._last += 1
        self.letters[self._last] = subject, headers, body

    async def get_msg(
        self,
        stream_name: str,
        seq: int,
        subject: str | None = None,
        direct: bool = False,
        next: bool = False,  # noqa: A002 - nats-py's name
    ) -> Any:
        assert (stream_name, direct) == (topology.DEAD.name, True)
        for number in sorted(self.letters):
            if number == seq or (next and number > seq):
                stored, headers, body = self.letters[number]
                if subject is None or _matches(stored, subject):
                    return SimpleNamespace(seq=number, headers=headers, data=body, subject=stored)
        raise NotFoundError

    async def delete_msg(self, stream_name: str, seq: int) -> None:
        assert stream_name == topology.DEAD.name
        if self.letters.pop(seq, None) is None:
            raise NotFoundError

    async def request(self, subject: str, body: bytes, timeout: float = 0) -> Any:
        """The stream's counts by subject."""
        assert subject == f"$JS.API.STREAM.INFO.{topology.DEAD.name}"
        asked = json.loads(body)
        matching = (name for name, _, _ in self.letters.values() if _matches(name, asked["subjects_filter"]))
        found = Counter(matching)
        page = dict(sorted(found.items())[asked["offset"] : asked["offset"] + PAGE])
        said = {"state": {"subjects": page}, "total": len(found), "offset": asked["offset"]}
        return SimpleNamespace(data=json.dumps(said).encode())


def _matches(subject: str, wanted: str) -> bool:
    tokens, pattern = subject.split("."), wanted.split(".")
    return len(tokens) == len(pattern) and all(
        want in ("*", token) for token, want in zip(tokens, pattern, strict=True)
    )


def _size(subject: str, headers: Mapping[str, str] | None, body: bytes) -> int:
    block = sum(len(name) + len(value) + 4 for name, value in (headers or {}).items()) + 14 if headers else 0
    return STORED_BESIDE + len(subject) + block + len(body)
