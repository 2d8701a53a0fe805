from ferry.contract.dead import Reason
from ferry.telemetry.hand import Hand
from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.partition import Partition


class BoundedDeadLetters:
    """A stream of readings beside dead letters that take `room` more."""

    def __init__(self, room):
        self.room = room
        self.given_back = []
        self.stored = []

    def ack(self, held):
        raise AssertionError("nothing was delivered")

    def give_back(self, held):
        self.given_back.append(held.sequence)

    async def bury(self, held, verdict):
        if not self.room:
            return False
        self.room -= 1
        self.stored.append(held.sequence)
        return True


async def test_dead_letters_that_cannot_be_stored_take_no_room_from_others():
    fates = BoundedDeadLetters(room=3)
    hand = Hand(fates, 10, 100_000)
    partition = Partition(1, "consumer", lambda: True)
    for sequence in range(10):
        held = Held(sequence, "ack", "s", b"", 1000, None, 100)
        hand.take(partition, held)
        hand.condemn(held, Verdict(Reason.INVALID_BODY, "no"))
    room = [hand.has_room]
    for task in list(hand._tasks):
        await task
    room.append(hand.has_room)
    assert room == [False, True]
    assert (fates.stored, fates.given_back) == ([0, 1, 2], [3, 4, 5, 6, 7, 8, 9])
    assert (hand.messages, hand.counts.dead) == (0, 3)
