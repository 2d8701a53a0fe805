"""The latest status wins, is not sent once its validity is over, and nothing is implied over an `off` or `err`."""

from typing import TYPE_CHECKING

from memory.thingplus import StatusWrite
from simulation.ledger import Message

if TYPE_CHECKING:
    from simulation.world import World

TOLERANCE_MS = 2_500
RACE_MS = 20_000
"""A request on its way overtakes nothing that was decided in so short a time."""
Entity = tuple[str, str | None]


def judge_statuses(world: "World") -> None:
    writes: dict[Entity, list[tuple[StatusWrite, float]]] = {}
    for gateway, sensor, write, at in world.status_writes:
        writes.setdefault((gateway, sensor), []).append((write, at))
    for entity in sorted({*writes, *world.ledger.statuses}, key=str):
        published = [one for one in world.ledger.statuses.get(entity, []) if one.status is not None]
        _judge_writes(world, entity, writes.get(entity, []), published)
        _judge_messages(world, published)


def _tolerance_ms(world: "World") -> int:
    """A bus whose clock was set measures ages by so much wrongly; a slow cloud counts from when it looks."""
    set_ms = sum(abs(one.number) for one in world.plan.faults if one.kind == "bus_clock")
    slow_s = max((one.slow_s for one in world.plan.faults if one.kind == "slow"), default=0.0)
    return TOLERANCE_MS + set_ms + int(slow_s * 1000)


def _judge_writes(
    world: "World", entity: Entity, writes: list[tuple[StatusWrite, float]], published: list[Message]
) -> None:
    newest: Message | None = None
    sent_at = 0.0
    before: StatusWrite | None = None
    for write, at in writes:
        message = _published_as(world, write, at, published)
        older = message is not None and newest is not None and message.sequence < newest.sequence
        if message is None or (older and write.value == "on"):
            _judge_implied(world, entity, write, before)
        elif older and not (message.ack_was_lost and _changed_owner(world, message, at, sent_at)):
            world.violated(
                f"status of {entity}: {write.value} of message {message.sequence} after "
                f"{newest.sequence if newest else 0}"
            )
        if message is not None and not older:
            newest, sent_at = message, at
        before = write


def _changed_owner(world: "World", message: Message, at: float, since: float) -> bool:
    """The next owner does not know what was sent, and a message whose ack was lost is delivered to it again."""
    partition = world.stream.partition_of(message.subject)
    return any(
        since - RACE_MS / 1000 <= when <= at and number == partition for when, number in world.stream.taken
    )


def _published_as(world: "World", write: StatusWrite, at: float, published: list[Message]) -> Message | None:
    """The newest publication that this write may be; each that it may be counts as sent."""
    tolerance_ms = _tolerance_ms(world)
    found: Message | None = None
    for message in published:
        status = message.status
        if status is None or status.value != write.value or message.at > at:
            continue
        if abs(status.expires_ms - write.expires) <= tolerance_ms:
            found = message
            status.sent_at = status.sent_at or write.at
    return found


def _judge_implied(world: "World", entity: Entity, write: StatusWrite, before: StatusWrite | None) -> None:
    if write.value != "on":
        world.violated(f"status of {entity}: {write} was never published")
    elif before is not None and before.value != "on" and _is_valid(world, before, write.at):
        world.violated(f"status of {entity}: `on` was implied over {before} at {write.at}")


def _is_valid(world: "World", before: StatusWrite, at_ms: int) -> bool:
    """Also to one that asked a moment ago."""
    return before.expires > at_ms + _tolerance_ms(world) and before.at < at_ms - RACE_MS


def _judge_messages(world: "World", published: list[Message]) -> None:
    for number, message in enumerate(published):
        status = message.status
        if status is None or message.letters or message.ended_by == "purge" or message.ended_at is None:
            continue
        if status.sent_at is not None:
            continue
        newer = published[number + 1 :]
        if any(one.at <= message.ended_at for one in newer):
            continue
        ended_ms = message.stored_ms + (message.ended_at - message.at) * 1000
        if ended_ms < status.expires_ms - _tolerance_ms(world):
            world.violated(
                f"status {message.sequence} of {message.subject} was acked at {message.ended_at - world.began:.3f} s, "
                "and neither sent, superseded nor expired"
            )
