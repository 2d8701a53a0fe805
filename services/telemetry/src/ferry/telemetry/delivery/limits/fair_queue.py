"""The queue for request slots: gateways take turns, so that one with many sensors does not delay the others. Pure."""

import asyncio
from collections import deque


class FairQueue:
    """First come, first served within a gateway."""

    def __init__(self) -> None:
        self._of: dict[str, deque[asyncio.Future[None]]] = {}
        self._turns: deque[str] = deque()

    def __len__(self) -> int:
        """Gateways that wait."""
        return len(self._turns)

    def push(self, gateway: str, waiting: asyncio.Future[None]) -> None:
        queue = self._of.get(gateway)
        if queue is None:
            queue = self._of[gateway] = deque()
            self._turns.append(gateway)
        queue.append(waiting)

    def first(self) -> asyncio.Future[None]:
        """Whose turn it is."""
        return self._of[self._turns[0]][0]

    def pop(self) -> asyncio.Future[None]:
        """Takes the first one out; its gateway's next one waits until the others had their turn."""
        queue = self._of[self._turns[0]]
        waiting = queue.popleft()
        if queue:
            self._turns.rotate(-1)
        else:
            del self._of[self._turns.popleft()]
        return waiting
