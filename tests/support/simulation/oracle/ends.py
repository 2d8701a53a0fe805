"""Every message ends, as one of its allowed ends."""

from typing import TYPE_CHECKING

from memory.services import DeadLetter
from simulation.ledger import Message, PointRecord
from simulation.oracle.excuses import Excuses

if TYPE_CHECKING:
    from simulation.world import World

EPSILON_S = 1e-6


def judge_ends(world: "World") -> None:
    excuses = Excuses(world)
    for message in world.ledger.messages.values():
        for wrong in _wrongs(message, excuses):
            world.violated(
                f"message {message.sequence} ({message.subject}, at {_rel(world, message.at)}): {wrong}"
            )


def _rel(world: "World", at: float | None) -> str:
    return "never" if at is None else f"{at - world.began:.3f} s"


def _wrongs(message: Message, excuses: Excuses) -> list[str]:
    found = [
        f"dead letter {letter.reason} at {letter.at - excuses._began:.3f} s: {letter.detail} {letter.indexes}"
        for letter in message.letters
        if letter.reason not in _explained(message, excuses, letter.at) and not _repeats(message, letter)
    ]
    if message.ended_by == "purge":
        return found
    if message.ended_at is None:
        return [*found, "it never ended"]
    if message.wrong is not None:
        if not message.letters and not _is_status(message):
            found.append(f"it is {message.wrong}, and there is no dead letter")
        return found
    if message.status is None:
        found += [
            f"element {point.index}, {point.value} at {point.time}, {wrong}"
            for point in message.points
            if (wrong := _wrong_of_point(message, point, message.ended_at, excuses))
        ]
    # a second letter may follow, of a replica that had it already when it lost the partition
    if message.letters and min(letter.at for letter in message.letters) > message.ended_at + EPSILON_S:
        found.append("it ended before its dead letter was stored")
    return found


def _wrong_of_point(message: Message, point: PointRecord, ended_at: float, excuses: Excuses) -> str:
    if point.index in message.failed_indexes:
        return (
            ""
            if _may_fail(message, point, excuses)
            else "is in the dead letter, and nothing is wrong with it"
        )
    if point.wrong is not None or point.bad_value:
        return f"({point.wrong or 'bad value'}) is in no dead letter"
    if point.delivered_at is None:
        return "was lost"
    return "was acked before it was delivered" if point.delivered_at > ended_at + EPSILON_S else ""


def _is_status(message: Message) -> bool:
    """One that was superseded before anybody looked at it is not looked at any more."""
    return message.subject.endswith(".status") and message.wrong == "invalid_body"


def _repeats(message: Message, letter: DeadLetter) -> bool:
    """Its first letter was stored and the original not ended: by now the cloud has newer readings."""
    before = [one for one in message.letters if one.at < letter.at]
    failed = {index for one in before for index in one.indexes}
    return letter.reason == "out_of_order" and set(letter.indexes) <= failed


def _of_point(point: PointRecord) -> set[str]:
    reasons = {point.wrong} if point.wrong else set()
    if point.bad_value:
        reasons |= {"refused", "out_of_order"}  # the latter where it is looked at again, later
    if not point.in_order:
        reasons.add("out_of_order")
    return reasons


def _explained(message: Message, excuses: Excuses, at: float) -> set[str]:
    reasons = excuses.reasons(message, at)
    if message.wrong:
        reasons.add(message.wrong)
    for point in message.points:
        reasons |= _of_point(point)
    return reasons


def _may_fail(message: Message, point: PointRecord, excuses: Excuses) -> bool:
    if _of_point(point):
        return True
    return any(excuses.reasons(message, letter.at) for letter in message.letters)
