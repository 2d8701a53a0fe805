"""A whole answer over HTTP, and whether it is a success."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from httpx2 import codes
from pydantic import SecretStr

from ferry.clouds.errors import BadAnswerError, refusal
from ferry.clouds.replies import is_retryable
from ferry.clouds.words import media_type


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `json` is None for a body that is none; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)
    json: Any = field(repr=False)

    def object(self) -> dict[str, Any]:
        """Raises BadAnswerError when the body is not a JSON object."""
        if isinstance(self.json, dict):
            return self.json
        raise BadAnswerError(self.status, "a body that is not a JSON object")


def accepted(answer: Answer, *, bearer: SecretStr | None, secrets: Sequence[str] = ()) -> Answer:
    """The answer, if it is a 2xx. Raises CloudError's family."""
    if bearer:
        secrets = (*secrets, bearer.get_secret_value())
    if answer.status >= codes.BAD_REQUEST:
        told = isinstance(answer.json, dict | str) or answer.status == codes.UNAUTHORIZED
        if not told and not is_retryable(answer.status):
            kind = media_type(answer.headers.get("content-type", ""), answer.text.encode(errors="replace"))
            raise BadAnswerError(answer.status, f"{kind}: not the cloud's")
        raise refusal(answer.status, answer.headers, answer.text, bearer=bearer is not None, secrets=secrets)
    if not codes.is_success(answer.status):
        raise BadAnswerError(answer.status, "a redirect, which is not followed")
    return answer
