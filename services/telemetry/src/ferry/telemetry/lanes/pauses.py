"""Which lanes an operator has paused. Pure."""

from collections.abc import Iterable

from ferry.contract.subjects import Address
from ferry.contract.telemetry import Pause

Key = tuple[str | None, str | None]


class PausedLanes:
    """A sensor's lane is paused by itself, with its gateway, or with all."""

    def __init__(self) -> None:
        self._keys: frozenset[Key] = frozenset()

    def replace(self, pauses: Iterable[Pause]) -> None:
        self._keys = frozenset((pause.gateway, pause.sensor) for pause in pauses)

    def has(self, address: Address) -> bool:
        keys = self._keys
        if not keys:  # the common case
            return False
        gateway = address.gateway
        return (None, None) in keys or (gateway, None) in keys or (gateway, address.sensor) in keys
