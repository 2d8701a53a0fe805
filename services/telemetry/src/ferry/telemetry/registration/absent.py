"""Limits the messages that wait for unregistered sensors, per gateway. Pure."""

from collections import defaultdict
from typing import Protocol

from ferry.contract.subjects import Address


class Lane(Protocol):
    address: Address
    absent: bool
    counted_absent: int

    @property
    def messages(self) -> int: ...


class AbsentMessages:
    """Over series and status, so that a publisher who invents sensors hurts its own gateway alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: defaultdict[str, int] = defaultdict(int)

    def is_full(self, gateway: str) -> bool:
        return self._of.get(gateway, 0) >= self._most

    def is_over(self, gateway: str) -> bool:
        return self._of.get(gateway, 0) > self._most

    def update(self, lane: Lane) -> None:
        """Counts what the lane has now, if its sensor is absent."""
        now = lane.messages if lane.absent else 0
        gateway = lane.address.gateway
        self._of[gateway] += now - lane.counted_absent
        lane.counted_absent = now
        if not self._of[gateway]:
            del self._of[gateway]
