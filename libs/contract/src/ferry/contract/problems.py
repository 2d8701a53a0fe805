"""How a failed request is answered: the NATS services headers, and an RFC 9457 problem as the body."""

import difflib
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ferry.contract.schemas import field_names, values_allowed

ERROR_CODE_HEADER = "Nats-Service-Error-Code"
ERROR_HEADER = "Nats-Service-Error"
TYPE_BASE = "urn:ferry:problem:"
ANSWER_S = 30.0
"""A service answers within this, if necessary with a problem; callers wait a little longer."""
LONGEST_NAME = 100
"""Characters of a wrong name that are compared with the right ones."""

Answer = TypeVar("Answer", bound=BaseModel)


class Problem(BaseModel):
    """RFC 9457 section 3.1, with the field that was wrong and what to do about it.

    `status` has HTTP's meaning: 4xx must be corrected by the caller, 5xx may be retried, after `retry_after`
    seconds, if the refusal named them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str
    title: str
    status: int
    detail: str = ""
    field: str | None = None
    allowed: list[str] | None = None
    hint: str | None = None
    retry_after: float | None = None


class ProblemError(Exception):
    """A request was refused or failed; raised by handlers and by clients."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem

    def __str__(self) -> str:
        problem = self.problem
        where = f" (field {problem.field})" if problem.field else ""
        parts = [f"{problem.title}{where}", problem.detail, problem.hint or ""]
        return ": ".join(part for part in parts if part)

    @classmethod
    def of(
        cls,
        kind: str,
        status: int,
        title: str,
        *,
        detail: str = "",
        field: str | None = None,
        allowed: list[str] | None = None,
        hint: str | None = None,
        retry_after: float | None = None,
    ) -> Self:
        """`kind` is the last word of the problem's type, such as `unknown-model`."""
        return cls(
            Problem(
                type=TYPE_BASE + kind,
                title=title,
                status=status,
                detail=detail,
                field=field,
                allowed=allowed,
                hint=hint,
                retry_after=retry_after,
            ),
        )

    @classmethod
    def invalid(cls, error: ValidationError, shape: type[BaseModel] | None = None) -> Self:
        """What pydantic found wrong, without the input: a request may carry a secret.

        With the `shape` that was asked for, it says which fields or values are allowed there.
        """
        found = sorted(
            error.errors(include_url=False, include_input=False, include_context=False),
            key=lambda item: item["type"] != "extra_forbidden",  # a typo is why a field is missing
        )
        first = found[0] if found else None
        allowed, hint = _allowed(first["type"], first["loc"], shape) if first and shape else (None, None)
        return cls.of(
            "invalid-request",
            400,
            "the request does not follow the contract",
            detail="; ".join(f"{_path(item['loc'])}: {_words(item)}" for item in found[:5]),
            field=_path(first["loc"]) if first else None,
            allowed=allowed,
            hint=hint,
        )


def _words(item: Mapping[str, Any]) -> str:
    return "the contract has no such field" if item["type"] == "extra_forbidden" else str(item["msg"])


def _allowed(
    kind: str, location: tuple[int | str, ...], shape: type[BaseModel]
) -> tuple[list[str] | None, str | None]:
    """The allowed names or values, and the closest match to the wrong one."""
    if kind == "extra_forbidden":
        *where, name = location
        allowed = field_names(shape, tuple(where))
        near = difflib.get_close_matches(str(name)[:LONGEST_NAME], allowed, 1)
        return allowed, f"did you mean {near[0]}?" if near else None
    return values_allowed(shape, location) or None, None


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "body"


def read_answer(body: bytes, headers: Mapping[str, str] | None, answer: type[Answer]) -> Answer:
    """The entity that a service answered with. Raises ProblemError when it answered with a problem."""
    if headers and ERROR_CODE_HEADER in headers:
        raise ProblemError(_read_problem(body, headers))
    return answer.model_validate_json(body)


def no_service(subject: str) -> ProblemError:
    return ProblemError.of(
        "no-service", 503, f"nobody serves {subject}", hint="is the service running, on this bus?"
    )


def no_answer(subject: str, timeout_s: float) -> ProblemError:
    return ProblemError.of("timeout", 504, f"no answer from {subject} within {timeout_s:g} s")


def _read_problem(body: bytes, headers: Mapping[str, str]) -> Problem:
    try:
        return Problem.model_validate_json(body)
    except ValidationError:
        code = headers[ERROR_CODE_HEADER]
        return Problem(
            type="about:blank",
            title=headers.get(ERROR_HEADER, "the service answered with an error"),
            status=int(code) if code.isdigit() else 500,
        )
