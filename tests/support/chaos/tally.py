"""What a run cost, beside the promise: what the cloud was sent twice. Counted by the sandbox, never by telemetry."""

from dataclasses import dataclass
from typing import Any

from chaos.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Tally:
    """`again` points were sent that the cloud had already, in `refused` PUTs; `read_backs` asked what it has."""

    points: int
    again: int
    refused: int
    read_backs: int


def tally_of(counters: dict[str, Any]) -> Tally:
    """From the sandbox's `/admin/counters`."""
    rows = [row for row in counters["requests"] if row["route"].endswith("/series")]
    return Tally(
        points=counters["points"],
        again=counters["points_sent_again"],
        refused=sum(row["count"] for row in rows if row["method"] == "PUT" and row["status"] == 400),
        read_backs=sum(row["count"] for row in rows if row["method"] == "GET"),
    )


def summary(ledger: Ledger, tally: Tally, letters: list[tuple[str, str | None, bytes]]) -> str:
    twice = len(letters) - len({(subject, body) for subject, _, body in letters})
    return (
        f"{ledger.count} readings acknowledged, {ledger.repeated} published again"
        f"; {tally.points} points at the cloud, {len(letters)} dead letters"
        f"; duplicates sent: {tally.again} points, {twice} dead letters"
        f" ({tally.refused} PUTs refused, {tally.read_backs} read-backs)"
    )
