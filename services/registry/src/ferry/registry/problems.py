"""Problems for requests that cannot be granted."""

from ferry.clouds.errors import CloudError, RefusedError
from ferry.contract.problems import ProblemError

REFUSALS = {
    403: ("not-yours", "this {noun} belongs to another account"),
    404: ("not-found", "Thing+ does not know what the {noun} refers to"),
    409: ("id-taken", "the id of this {noun} is already used elsewhere at Thing+"),
    471: ("plan-full", "the Thing+ plan has no room for more"),
}
_UNIQUE = "ids are unique across all of Thing+: omit the id and one is generated, or choose another"
HINTS = {403: _UNIQUE, 409: _UNIQUE}


def refused(noun: str, error: RefusedError) -> ProblemError:
    """The cloud's refusal in our words, and its own as the detail; worth another try when it passes by itself."""
    if error.retryable:
        return ProblemError.of(
            "refused",
            503,
            f"Thing+ refused the {noun} for now",
            detail=str(error),
            hint="ask again later",
            retry_after=error.retry_after_s,
        )
    if error.status == 403 and error.code == "ACL_DENY":  # noqa: PLR2004 - HTTP's number says it best
        return ProblemError.of(
            "no-scope",
            403,
            f"the OAuth client may not do this with a {noun}",
            detail=str(error),
            hint="its scopes must have `gateway` and `site-read` (guide, chapter 3)",
        )
    kind, title = REFUSALS.get(error.status, ("refused", "Thing+ refused the {noun}"))
    return ProblemError.of(
        kind, error.status, title.format(noun=noun), detail=str(error), hint=HINTS.get(error.status)
    )


def unreachable(error: CloudError) -> ProblemError:
    return ProblemError.of(
        "cloud-unreachable",
        503,
        "Thing+ did not answer",
        detail=str(error),
        hint="send the same request again: it continues where this one stopped",
    )


def of_cloud(noun: str, error: CloudError) -> ProblemError:
    return refused(noun, error) if isinstance(error, RefusedError) else unreachable(error)


def busy(noun: str, entity: str) -> ProblemError:
    return ProblemError.of("busy", 503, f"too many requests for {noun} {entity} at once", hint="try again")


def unknown(noun: str, entity: str, owner: str | None = None, *, field: str = "id") -> ProblemError:
    where = f"gateway {owner} has no" if owner else "there is no"
    return ProblemError.of(
        f"unknown-{noun}",
        404,
        f"{where} {noun} {entity}",
        field=field,
        hint="register it first, or run `ferry import` if the portal did",
    )


def deleted_at_portal(noun: str, entity: str, *, field: str = "id") -> ProblemError:
    return ProblemError.of(
        f"unknown-{noun}",
        404,
        f"{noun} {entity} was deleted at the portal",
        field=field,
        hint="register it again, or run `ferry import` if it is back",
    )


def too_large(noun: str, entity: str) -> ProblemError:
    return ProblemError.of(
        "too-large", 413, f"{noun} {entity} is too large to keep", hint="is its name as long as that?"
    )
