"""The endpoints of a service: subject, request and answer types, and counters."""

from dataclasses import dataclass

from pydantic import BaseModel

from ferry.contract.problems import Problem
from ferry.contract.subjects import PREFIX


@dataclass(slots=True)
class Endpoint:
    """`processing_ns` is the sum over all requests, in ns. `last_error` has no text of the caller's."""

    subject: str
    queue: str
    request: type[BaseModel]
    answer: type[BaseModel] | None
    requests: int = 0
    errors: int = 0
    processing_ns: int = 0
    last_error: str = ""

    @property
    def name(self) -> str:
        """The subject as one word, such as `auth-state-get`."""
        return self.subject.removeprefix(f"{PREFIX}.").replace(".", "-")

    def count(self, problem: Problem | None, took_ns: int) -> None:
        self.requests += 1
        self.processing_ns += took_ns
        if problem:
            self.errors += 1
            self.last_error = f"{problem.status}:{problem.type.rpartition(':')[2]}"
