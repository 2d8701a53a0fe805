"""Who waits for a place: gateways take turns, so that one with many sensors does not delay the others. Pure."""

import asyncio
from collections import OrderedDict, deque


class FairQueue:
    """First come, first served within a gateway."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._of)

    def push(self, gateway: str, waiting: asyncio.Future[None]) -> None:
        self._of.setdefault(gateway, deque()).append(waiting)

    def first(self) -> asyncio.Future[None]:
        """Whose turn it is."""
        return next(iter(self._of.values()))[0]

    def pop(self) -> asyncio.Future[None]:
        """Takes the first one out; its gateway's next one waits until the others had their turn."""
        gateway, queue = next(iter(self._of.items()))
        waiting = queue.popleft()
        if queue:
            self._of.move_to_end(gateway)
        else:
            del self._of[gateway]
        return waiting
