"""What telemetry counts where it happens, and that no answer from outside makes a label of its own."""

import pytest
from metrics_read import Meters, labels

from ferry.contract.dead import Reason
from ferry.runtime.http_calls import measured
from ferry.telemetry.delivery.ports import Answer, Unreachable
from ferry.telemetry.operators.errors import ForeignAnswers
from ferry.telemetry.operators.measured import Ages, MeasuredCloud, MeasuredDeadLetters
from ferry.telemetry.stream.delivery import Cause, Delivery


class OneAnswer:
    def __init__(self, answer):
        self.answer = answer

    async def put(self, path, body, bearer):
        if self.answer is None:
            raise Unreachable
        return self.answer

    async def get(self, path, query, bearer):
        return await self.put(path, b"", bearer)


async def put(meters, answer):
    cloud = MeasuredCloud(OneAnswer(answer), "cloud.example", measured(meters.meter), meters.meter)
    return await cloud.put("/gateways/g/sensors/s/series", b"[]", "Bearer x")


def took(outcome):
    how = {"http.response.status_code": outcome} if isinstance(outcome, int) else {"error.type": outcome}
    return labels({"http.request.method": "PUT", "server.address": "cloud.example", **how})


async def test_a_put_is_timed_by_its_outcome():
    meters = Meters()
    await put(meters, Answer(200, b'{"statusCode": 200}', content_type="application/json"))
    with pytest.raises(Unreachable):
        await put(meters, None)
    assert meters.read("http.client.request.duration").keys() == {took(200), took("unreachable")}


async def test_every_answer_is_counted_and_under_load_a_sample_of_the_good_ones_timed():
    meters, world = Meters(), OneAnswer(Answer(200, b""))
    cloud = MeasuredCloud(world, "cloud.example", measured(meters.meter), meters.meter)
    for status, number in ((200, 2000), (500, 3)):
        world.answer = Answer(status, b"")
        for _ in range(number):
            await cloud.put("/", b"", "")
    counted = meters.read("ferry.telemetry.answers")
    assert counted == {labels({"answer": "200"}): 2000, labels({"answer": "500"}): 3}
    timed = meters.read("http.client.request.duration")
    assert timed[took(500)] == 3
    assert 1 <= timed[took(200)] < 2000


FOREIGN = [
    (404, "text/html", "404", "text/html"),
    (200, "empty body", "200", "empty body"),
    (302, "image/x-made-up-7", "302", "other"),
    (999, "text/html", "other", "text/html"),
]


@pytest.mark.parametrize(("status", "content_type", "shown", "kind"), FOREIGN)
def test_no_answer_from_outside_makes_a_label_of_its_own(status, content_type, shown, kind):
    foreign = ForeignAnswers()
    foreign.note(status, content_type)
    assert foreign.counts == {(shown, kind): 1}


class Full:
    stored = True

    async def store(self, delivery, cause):
        return self.stored


async def test_dead_letters_are_counted_by_reason_once_they_are_stored():
    meters, stream = Meters(), Full()
    letters = MeasuredDeadLetters(stream, meters.meter)
    delivery, cause = Delivery(1, "s", b"", 0), Cause(Reason.REFUSED, "no")
    assert await letters.store(delivery, cause)
    stream.stored = False
    assert not await letters.store(delivery, cause)
    found = meters.read("ferry.telemetry.dead")
    assert found[labels({"reason": "refused"})] == 1
    assert len(found) == len(Reason), "each is there from the start"


def test_ages_are_a_sample_under_load():
    meters = Meters()
    ages = Ages(meters.meter)
    for _ in range(1000):
        if ages.wants_one():
            ages.record(120)
    (recorded,) = meters.read("ferry.telemetry.age").values()
    assert 1 <= recorded < 100


def test_a_message_that_seems_to_come_from_the_future_has_no_age():
    meters = Meters()
    Ages(meters.meter).record(-3)
    assert list(meters.read("ferry.telemetry.age").values()) == [1]
