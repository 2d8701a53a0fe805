"""The token that a replica has in memory."""

import time
from dataclasses import dataclass

from ferry.auth.tokens import schedule
from ferry.auth.tokens.shared import TokenRecord
from ferry.contract.auth import Token

ENDED_S = 0.05
"""A token with less left than this would end on its way to the cloud."""


@dataclass(frozen=True, slots=True)
class CachedToken:
    """`born` is when its record was written, on our monotonic clock; so are the other moments."""

    record: TokenRecord
    born: float
    revision: int

    @property
    def generation(self) -> int:
        return self.record.generation

    @property
    def expires(self) -> float:
        return self.born + self.record.left_s

    @property
    def refresh(self) -> float:
        return self.born + self.record.refresh_in_s

    @property
    def believed(self) -> float:
        """From when on a rejection leads to another token."""
        return self.born + schedule.spacing(self.record.quick_rejections)

    def alive(self, now: float) -> bool:
        return self.expires - now > ENDED_S

    def token(self, now: float) -> Token:
        return Token(
            access_token=self.record.access_token,
            expires_in=round(self.expires - now, 3),
            expires_at=unix_ms(self.expires, now),
            generation=self.generation,
        )

    def aged(self, now: float) -> TokenRecord:
        """Its record, to be written now."""
        age = now - self.born
        return self.record.model_copy(
            update={"left_s": self.record.left_s - age, "refresh_in_s": self.record.refresh_in_s - age}
        )


def unix_ms(moment: float, now: float) -> int:
    return int((time.time() + moment - now) * 1000)
