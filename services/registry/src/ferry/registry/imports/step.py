"""One step of an import: what was found so far, and the time left."""

from dataclasses import dataclass, field

from ferry.clouds.errors import CloudError, RefusedError
from ferry.contract.registry import Imported
from ferry.registry.imports.cursor import Cursor
from ferry.registry.imports.pace import Pace

MOST_LINES = 500
"""An answer must fit into one message, however much there is to tell."""
PAUSE_S = 1.0


@dataclass(slots=True)
class Step:
    pace: Pace
    gateways: int = 0
    devices: int = 0
    sensors: int = 0
    gateways_done: int = 0
    unreadable: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    failure: CloudError | None = None
    """Why a gateway was left out."""

    def answer(self, following: Cursor | None, *, resumed: bool) -> Imported:
        cause = self.pace.cause
        pause = None
        if cause is not None:
            said = cause.retry_after_s if isinstance(cause, RefusedError) else None
            pause = said if said is not None else PAUSE_S
        return Imported(
            gateways=self.gateways,
            devices=self.devices,
            sensors=self.sensors,
            unreadable=_few(self.unreadable),
            deleted=_few(self.deleted),
            next=None if following is None else str(following),
            resumed=resumed,
            retry_after=pause,
        )


def _few(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"and {more} more"] if more > 0 else lines
