"""The queue for request slots: gateways take turns, so that one with many sensors does not delay the others. Pure."""

import asyncio
from collections import deque


class FairQueue:
    """First come, first served within a gateway."""

    def __init__(self) -> None:
        self.turns: deque[str] = deque()
        """Gateways that wait, the one whose turn it is first."""
        self._of: dict[str, deque[asyncio.Future[None]]] = {}

    def push(self, gateway: str, waiting: asyncio.Future[None]) -> None:
        queue = self._of.get(gateway)
        if queue is None:
            queue = self._of[gateway] = deque()
            self.turns.append(gateway)
        queue.append(waiting)

    def first(self) -> asyncio.Future[None]:
        """Whose turn it is."""
        return self._of[self.turns[0]][0]

    def pop(self) -> asyncio.Future[None]:
        """Takes the first one out; its gateway's next one waits until the others had their turn."""
        queue = self._of[self.turns[0]]
        waiting = queue.popleft()
        if queue:
            self.turns.rotate(-1)
        else:
            del self._of[self.turns.popleft()]
        return waiting
