"""Dead letters read and replayed: bounded in bytes, and no letter stops the others."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nats.js.errors import NotFoundError

from ferry.contract import dead
from ferry.contract.telemetry import DeadChoice, DeadFilter
from ferry.telemetry.dead_letters.store import DeadLetters

MAX_PAYLOAD = 1024 * 1024
GOOD = "ferry.v1.gateways.g.sensors.s.series"


class Letters:
    """FERRY_DEAD in memory: (headers, body) by sequence."""

    def __init__(self, *letters):
        self.stored = dict(enumerate(letters, 1))
        self.published = []

    async def get_msg(self, stream_name, seq, subject=None, direct=False, next=False):  # noqa: A002 - nats-py's
        found = next and min((number for number in self.stored if number >= seq), default=None)
        number = found if next else seq
        if number not in self.stored:
            raise NotFoundError
        headers, body = self.stored[number]
        return SimpleNamespace(seq=number, headers=headers, data=body)

    async def publish(self, subject, body, **_):
        self.published.append((subject, body))

    async def delete_msg(self, stream_name, seq):
        del self.stored[seq]


def over(stored: Letters) -> DeadLetters:
    return DeadLetters(cast("Any", stored))


@pytest.mark.parametrize("body", [b"x" * 30_000, b"\x01" * 30_000, b"\xff" * 30_000, b"\x01" * 900_000])
async def test_every_page_fits_into_a_message_and_all_letters_are_seen(body):
    letters = over(Letters(*[({dead.SUBJECT: GOOD}, body)] * 40))
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
    stored = Letters(*[(dict.fromkeys(names, value), b"") for value in odd], (None, b"{}"))
    page = await over(stored).list(DeadFilter())
    json.loads(page.model_dump_json())
    assert len(page.items) == len(odd) + 1


async def test_a_letter_that_cannot_be_replayed_leaves_the_others_their_turn():
    stored = Letters(*[({dead.SUBJECT: subject}, b"{}") for subject in (GOOD, "nowhere", GOOD)])
    answer = await over(stored).replay(DeadChoice(all=True))
    assert (answer.done, answer.failed, answer.next) == (2, 1, None)
    assert list(stored.stored) == [2]
