"""Problems that explain why there is no token, for callers and operators."""

from ferry.auth.credentials.accounts import Account
from ferry.auth.tokens.shared import AttemptRecord
from ferry.contract.auth import Cloud
from ferry.contract.problems import ProblemError

_TITLES = {
    "refused": "{} refuses our credentials",
    "bad_answer": "{}'s token endpoint sent an answer that is not a token endpoint's",
    "unavailable": "{}'s token endpoint gives no token at the moment",
}


def hint(attempt: AttemptRecord, account: Account) -> str:
    prefix = f"FERRY_{account.cloud.upper()}__"
    if attempt.outcome == "refused":
        return f"correct {prefix}… (a changed file is used at once); was the account deleted?"
    if attempt.outcome == "bad_answer":
        return (
            f"auth asked {account.endpoint}: is {prefix}URL the base of the cloud's API, and is there a proxy in "
            "between? auth retries by itself"
        )
    return "auth retries by itself; a token that is still valid stays in use"


def missing(account: Account) -> str:
    return f"set {', '.join(account.missing)} in the environment or the secrets directory"


def unconfigured(account: Account) -> ProblemError:
    title = f"auth has no credentials for {account.cloud}"
    return ProblemError.of("unconfigured", 503, title, hint=missing(account))


def failed(attempt: AttemptRecord, account: Account) -> ProblemError:
    kind = f"credentials-{attempt.outcome}".replace("_", "-")
    title = _TITLES[attempt.outcome].format(account.cloud)
    return ProblemError.of(kind, 503, title, detail=attempt.detail, hint=hint(attempt, account))


def tokens_refused(cloud: Cloud) -> ProblemError:
    return ProblemError.of(
        "tokens-refused",
        503,
        f"{cloud} refuses even fresh tokens",
        hint="has the account lost its rights? auth requests the next token within a minute",
    )


def none_yet(cloud: Cloud, detail: str | None) -> ProblemError:
    return ProblemError.of(
        "no-token",
        503,
        f"there is no token for {cloud} yet",
        detail=detail or "",
        hint="try again; `ferry auth state` shows the state",
    )
