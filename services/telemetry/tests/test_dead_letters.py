"""Dead letters read and replayed: bounded in bytes, and no letter stops the others."""

import json
from typing import Any, cast

import pytest

from ferry.contract import dead
from ferry.contract.telemetry import DeadChoice, DeadFilter
from ferry.telemetry.dead_letters.store import DeadLetters
from memory.dead_stream import MemoryDeadStream

MAX_PAYLOAD = 1024 * 1024
GOOD = "ferry.v1.gateways.g.sensors.s.series"


def stored(*letters) -> MemoryDeadStream:
    """FERRY_DEAD with these: headers and body of each."""
    stream = MemoryDeadStream()
    for headers, body in letters:
        stream.add(headers, body)
    return stream


def over(stream: MemoryDeadStream) -> DeadLetters:
    return DeadLetters(cast("Any", stream))


@pytest.mark.parametrize("body", [b"x" * 30_000, b"\x01" * 30_000, b"\xff" * 30_000, b"\x01" * 900_000])
async def test_every_page_fits_into_a_message_and_all_letters_are_seen(body):
    letters = over(stored(*[({dead.SUBJECT: GOOD}, body)] * 40))
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = await letters.list(DeadFilter(after=after))
        assert len(page.model_dump_json()) < MAX_PAYLOAD
        seen += [letter.id for letter in page.items]
        after = page.next
    assert seen == list(range(1, 41))


async def test_no_header_stops_a_list():
    names = [value for name, value in vars(dead).items() if name.isupper()]
    odd = ["", "x", "-1", "1e9", "9" * 5000, "\udcff", "\u0663", "é" * 100_000, "\r\n", "nan"]
    stream = stored(*[(dict.fromkeys(names, value), b"") for value in odd], (None, b"{}"))
    page = await over(stream).list(DeadFilter())
    json.loads(page.model_dump_json())
    assert len(page.items) == len(odd) + 1


async def test_a_letter_that_cannot_be_replayed_leaves_the_others_their_turn():
    stream = stored(*[({dead.SUBJECT: subject}, b"{}") for subject in (GOOD, "nowhere", GOOD)])
    answer = await over(stream).replay(DeadChoice(all=True))
    assert (answer.done, answer.failed, answer.next) == (2, 1, None)
    assert list(stream.letters) == [2]
