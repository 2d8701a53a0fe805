"""One action, carried out request by request."""

from dataclasses import dataclass

from ferry.console.people.person import Person
from ferry.contract import subjects
from ferry.contract.console import ActionFinished, ActionStarted
from ferry.contract.model import Request

TITLES = {
    subjects.TELEMETRY_DEAD_REPLAY: "Replay dead letters",
    subjects.TELEMETRY_DEAD_DISCARD: "Discard dead letters",
    subjects.TELEMETRY_LANES_PAUSE: "Pause",
    subjects.TELEMETRY_LANES_RESUME: "Resume",
}
SHOWN = ("id", "reason", "gateway", "sensor", "all")


@dataclass(slots=True)
class Action:
    """`started_at` and `ended_at` in Unix ms. `expected` is how many there were when the person was asked."""

    id: str
    person: Person
    subject: str
    request: Request
    expected: int
    started_at: int
    done: int = 0
    failed: int = 0
    ended_at: int | None = None
    stopping: bool = False
    problem: str | None = None

    @property
    def title(self) -> str:
        return TITLES[self.subject]

    @property
    def which(self) -> dict[str, object]:
        """What of the request a person would name."""
        asked = self.request.model_dump()
        return {name: asked[name] for name in SHOWN if asked.get(name) not in {None, False, ""}}

    @property
    def state(self) -> str:
        if self.ended_at is None:
            return "stopping" if self.stopping else "running"
        return "ended early" if self.problem else "done"

    def started(self) -> ActionStarted:
        return ActionStarted(
            id=self.id,
            who=self.person.name,
            signed_in_by=self.person.by,
            subject=self.subject,
            request=self.request.model_dump(mode="json", exclude_none=True),
        )

    def finished(self) -> ActionFinished:
        begun = self.started().model_dump()
        return ActionFinished(**begun, done=self.done, failed=self.failed, problem=self.problem)
