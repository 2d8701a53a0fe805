"""Errors between a program and the bus. Each is a ProblemError: a message, a detail, and what to do."""

from typing import ClassVar, Self

from ferry.contract.problems import Problem, ProblemError


class FerryError(ProblemError):
    """`maybe_stored`: the reading may have reached the stream nevertheless. `transient`: a retry may succeed."""

    kind: ClassVar[str] = "failed"
    status: ClassVar[int] = 503
    transient: ClassVar[bool] = True
    maybe_stored: bool = False

    @classmethod
    def saying(cls, title: str, *, detail: str = "", hint: str | None = None) -> Self:
        return cls.of(cls.kind, cls.status, title, detail=detail, hint=hint)

    def __reduce__(self) -> tuple[type[Self], tuple[Problem]]:
        return type(self), (self.problem,)


class SettingsError(FerryError):
    """A setting, a context or a file that one of them names cannot be used."""

    kind, status, transient = "settings", 400, False


class NotConnectedError(FerryError):
    """No server answers. Nothing left this process."""

    kind = "no-bus"


class CredentialsRefusedError(FerryError):
    """The server does not accept who we say we are."""

    kind, status = "credentials-refused", 401


class NotPermittedError(FerryError):
    """The server knows us, and does not allow this. Nothing was stored."""

    kind, status, transient = "not-permitted", 403, False


class NotConfirmedError(FerryError):
    """No acknowledgement came: the reading may have been stored. The cloud keeps one per time, so publish it again."""

    kind, status, maybe_stored = "no-ack", 504, True


class NotStoredError(FerryError):
    """The stream did not take it for now: it is full, or not there. Nothing was stored."""

    kind = "not-stored"


class RefusedError(FerryError):
    """The stream will never take this one, such as a body over the server's size. Nothing was stored."""

    kind, status, transient = "refused", 413, False


class SpoolFullError(FerryError):
    """The spool, or its disk, has no room for another reading. Nothing was stored."""

    kind, status = "spool-full", 507


class SpoolError(FerryError):
    """The spool's file cannot be used: another program has it open, or it is no spool, or the disk fails."""

    kind, status, transient = "spool", 500, False


class BulkError(FerryError):
    """Some readings of `bulk` were not confirmed: `confirmed` were, `failures` are the first of those that were not."""

    kind, transient = "bulk", False
    confirmed: int = 0
    failed: int = 0
    failures: tuple["Failure", ...] = ()


class Failure:
    """What happened to the `count` rows from `row` on (counted from 1, of one sensor)."""

    def __init__(self, row: int, count: int, error: FerryError) -> None:
        self.row = row
        self.count = count
        self.error = error

    def __str__(self) -> str:
        return f"row {self.row}: {self.error}"

    __repr__ = __str__
