"""Decides how many waiting entries form one message. Pure."""

from collections.abc import Iterable

from ferry.client.publishing.ports import Batch, Entry
from ferry.contract.readings import MAX_READINGS

MOST_BYTES = 128 * 1024
"""Of a message that is put together here: a quarter of what the stream takes."""
SERIES = ".series"


def together(subject: str, waiting: Iterable[Entry]) -> Batch | None:
    """The first that may be one message: readings of one trace, within the contract's bounds. A status goes alone."""
    taken: list[Entry] = []
    readings = size = 0
    for entry in waiting:
        readings += len(entry.parts)
        size += entry.size
        if taken and (
            readings > MAX_READINGS
            or size > MOST_BYTES
            or entry.headers != taken[0].headers
            or not subject.endswith(SERIES)
        ):
            return Batch(subject, taken, more=True)
        taken.append(entry)
    return Batch(subject, taken, more=False) if taken else None
