"""Runs actions in the background, publishes who started them, and keeps the last ones."""

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Coroutine

import structlog
from pydantic import BaseModel

from ferry.console.actions.action import Action
from ferry.console.bus import LONGEST_ASK_S, Bus
from ferry.console.people.person import Person
from ferry.contract.model import Request
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import DeadChoice, DeadDone

MOST_AT_ONCE = 4
MOST_REMEMBERED = 50
ATTEMPTS, AGAIN_S = 5, 1.0
"""Of one request that fails by the service's fault: a telemetry that restarts is waited for."""

_log = structlog.get_logger(__name__)


class Actions:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._remembered: OrderedDict[str, Action] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def newest_first(self) -> list[Action]:
        return list(reversed(self._remembered.values()))

    def find(self, id_: str) -> Action | None:
        return self._remembered.get(id_)

    async def start(self, person: Person, subject: str, choice: DeadChoice, expected: int) -> Action:
        """Replays or discards in the background. Raises ProblemError if the event cannot be published."""
        if len(self._tasks) >= MOST_AT_ONCE:
            hint = "wait until one has ended, or stop one"
            raise ProblemError.of("busy", 429, f"{MOST_AT_ONCE} actions run already", hint=hint)
        action = await self._begun(person, subject, choice, expected)
        task = asyncio.create_task(
            self._run(action, self._each_request(action, choice)), name=f"action-{action.id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return action

    async def once(self, person: Person, subject: str, request: Request, answer: type[BaseModel]) -> Action:
        """One request, awaited. Raises ProblemError if the event cannot be published."""

        async def ask() -> None:
            await self._bus.ask(subject, request, answer, timeout_s=LONGEST_ASK_S)
            action.done = 1

        action = await self._begun(person, subject, request, 1)
        await self._run(action, ask())
        return action

    async def _begun(self, person: Person, subject: str, request: Request, expected: int) -> Action:
        action = Action(uuid.uuid4().hex, person, subject, request, expected, _now())
        await self._bus.tell("started", action.started())
        _log.info("action.started", id=action.id, who=person.name, by=person.by, subject=subject)
        self._remembered[action.id] = action
        self._forget_oldest()
        return action

    async def close(self) -> None:
        """Ends what runs; each says so in its event."""
        for action in self._remembered.values():
            action.stopping = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LONGEST_ASK_S / 5)
            for task in late:
                task.cancel()

    async def _run(self, action: Action, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ProblemError as error:
            action.problem = str(error)
        except Exception as error:  # noqa: BLE001 - the event must say how it ended, whatever it was
            action.problem = f"the console failed: {type(error).__name__}"
            _log.exception("action.failed", id=action.id)
        action.ended_at = _now()
        _log.info("action.finished", id=action.id, done=action.done, failed=action.failed, why=action.problem)
        try:
            await self._bus.tell("finished", action.finished())
        except ProblemError as error:
            _log.warning("event.lost", noun="action", verb="finished", id=action.id, why=str(error))

    async def _each_request(self, action: Action, choice: DeadChoice) -> None:
        after: int | None = choice.after
        while after is not None:
            if action.stopping:
                action.problem = "it was stopped"
                return
            answer = await self._patiently(action, choice.model_copy(update={"after": after}))
            action.done += answer.done
            action.failed += answer.failed
            after = answer.next

    async def _patiently(self, action: Action, choice: DeadChoice) -> DeadDone:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._bus.ask(action.subject, choice, DeadDone, timeout_s=LONGEST_ASK_S)
            except ProblemError as error:
                if error.problem.status < 500 or attempt == ATTEMPTS or action.stopping:  # noqa: PLR2004 - HTTP's own
                    raise
            await asyncio.sleep(AGAIN_S)
        raise AssertionError

    def _forget_oldest(self) -> None:
        ended = [id_ for id_, action in self._remembered.items() if action.ended_at is not None]
        for id_ in ended[: max(0, len(self._remembered) - MOST_REMEMBERED)]:
            del self._remembered[id_]


def _now() -> int:
    return int(time.time() * 1000)
