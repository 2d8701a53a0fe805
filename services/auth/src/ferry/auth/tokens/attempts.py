"""The outcome of the last attempts to get a token, and when the next one may start."""

from dataclasses import dataclass

from ferry.auth.tokens.refresher import FAILURES
from ferry.auth.tokens.shared import AttemptRecord, Seen

NONE: Seen[AttemptRecord] = Seen(None, 0, 0.0)


@dataclass(slots=True)
class Attempts:
    """`shared` is the bucket's; `own` is this replica's last failure, until a token comes."""

    shared: Seen[AttemptRecord] = NONE
    own: Seen[AttemptRecord] = NONE

    def failure(self, fingerprint: str) -> Seen[AttemptRecord] | None:
        """The last one that failed with these credentials; other replicas may yet have others."""
        failed = [
            seen
            for seen in (self.shared, self.own)
            if seen.record and seen.record.outcome in FAILURES and seen.record.fingerprint == fingerprint
        ]
        return max(failed, key=lambda seen: seen.born, default=None)

    def blocked(self, fingerprint: str, now: float) -> bool:
        """Whether a failure with these credentials asks for patience."""
        failure = self.failure(fingerprint)
        if failure is None or failure.record is None or failure.record.running:
            return False
        return now < failure.born + failure.record.retry_in_s
