"""Dead letters: stored by a replica and worked on by operators, over a nats-server and over memory."""

import asyncio
import time
from typing import Any

import pytest
import pytest_asyncio

from ferry.contract import subjects, topology
from ferry.contract.dead import INDEXES, PUBLISHED_AT, TRACEPARENT, Reason
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import DeadChoice, DeadFilter
from ferry.telemetry.dead_letters.count import DeadLetterCounts
from ferry.telemetry.dead_letters.store import DeadLetters
from ferry.telemetry.dead_letters.writer import NatsDeadLetters
from ferry.telemetry.stream.delivery import Cause, Delivery
from harness.bus import bus as a_bus
from memory.dead_stream import MemoryDeadStream
from memory.services import MemoryDeadLetters

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MAX_BYTES = 1024 * 1024


class World:
    """`stream` is JetStream, for all that is asked of FERRY_DEAD."""

    def __init__(self, stream: Any, client: Any) -> None:
        self.writer = NatsDeadLetters(stream)
        self.letters = DeadLetters(stream)
        self.counts = DeadLetterCounts(client, self.letters)


class OverMemory(World):
    def __init__(self) -> None:
        self._stream = MemoryDeadStream(MAX_BYTES)
        super().__init__(self._stream, self._stream)

    async def published(self):
        return [(subject, body, dict(headers)) for subject, body, headers in self._stream.published]

    async def headers(self):
        return [headers for _, headers, _ in self._stream.letters.values()][-1]

    async def clear(self):
        self._stream.letters.clear()
        self._stream.published.clear()


class OverNats(World):
    def __init__(self, client, harness) -> None:
        super().__init__(client.jetstream(), client)
        self._harness = harness.jetstream()

    async def published(self):
        state = (await self._harness.stream_info(topology.READINGS.name)).state
        found = []
        for sequence in range(state.first_seq, state.last_seq + 1):
            message = await self._harness.get_msg(topology.READINGS.name, seq=sequence)
            found.append(
                (topology.strip_partition(message.subject), message.data or b"", message.headers or {})
            )
        return found

    async def headers(self):
        return (await self._harness.get_last_msg(topology.DEAD.name, ">")).headers

    async def clear(self):
        await self._harness.purge_stream(topology.DEAD.name)
        await self._harness.purge_stream(topology.READINGS.name)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["memory", "nats"])
async def standing(request, tmp_path_factory):
    if request.param == "memory":
        yield OverMemory()
        return
    async with a_bus(tmp_path_factory.mktemp("dead")) as bus:
        await bus.lay()
        client, harness = await bus.as_user("telemetry"), await bus.connect()
        dead = (await harness.jetstream().stream_info(topology.DEAD.name)).config
        await harness.jetstream().update_stream(dead.evolve(max_bytes=MAX_BYTES))
        yield OverNats(client, harness)
        await client.close()
        await harness.close()
        assert bus.denials() == []


@pytest_asyncio.fixture(loop_scope="module")
async def world(standing):
    await standing.clear()
    return standing


def series(gateway, sensor="s", body=b'{"value":"1"}', sequence=7, **more):
    return Delivery(sequence, subjects.sensor_series(gateway, sensor), body, 1_790_000_000_000, **more)


async def listed(world, **wanted):
    return (await world.letters.list(DeadFilter(**wanted))).items


async def test_a_dead_letter_is_confirmed_and_has_all_that_is_known_of_it(world):
    before_ms = time.time_ns() // 1_000_000
    delivery = series("g", body=b"[rubbish", headers={TRACEPARENT: TRACE, "Other": "x"})
    assert await world.writer.store(delivery, Cause(Reason.REFUSED, "400 no", 400, attempts=3))
    (found,) = await listed(world)
    assert (found.reason, found.detail, found.http_status, found.attempts) == ("refused", "400 no", 400, 3)
    assert (found.gateway, found.sensor, found.subject) == ("g", "s", delivery.subject)
    assert (found.sequence, found.published_at) == (7, delivery.published_ms)
    assert (found.traceparent, found.body, found.body_base64) == (TRACE, "[rubbish", False)
    assert before_ms <= found.dead_at <= time.time_ns() // 1_000_000
    assert await world.letters.get(found.id) == found


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"x" * 100_000])
async def test_a_body_is_kept_byte_for_byte(world, body):
    await world.writer.store(series("g", body=body), Cause(Reason.INVALID_BODY, "no"))
    (found,) = await listed(world)
    await world.letters.replay(DeadChoice(id=found.id))
    assert [(subject, body) for subject, body, _ in await world.published()] == [
        (subjects.sensor_series("g", "s"), body)
    ]


@pytest.mark.parametrize("detail", ["a\r\nb", "\x00", "\udcff", "é" * 2000, "\u2028", "x" * 10_000])
async def test_no_words_of_a_cloud_keep_a_dead_letter_from_being_stored(world, detail):
    assert await world.writer.store(series("g"), Cause(Reason.REFUSED, detail))
    (found,) = await listed(world)
    assert len(found.detail) <= 500
    assert "\n" not in found.detail


@pytest.mark.parametrize("trace", ["", "é", "\r\nFerry-Reason: x", "a\nb", "\udcff", "x" * 5000, TRACE + "0"])
async def test_no_trace_of_a_publisher_keeps_a_dead_letter_from_being_stored(world, trace):
    assert await world.writer.store(series("g", headers={TRACEPARENT: trace}), Cause(Reason.REFUSED, "no"))
    (found,) = await listed(world)
    assert (found.reason, found.traceparent) == ("refused", None)


@pytest.mark.parametrize(
    "subject", ["ferry.v1.gateways.\udcff.sensors.s.series", "ferry.v1.gateways.*.x", "a b"]
)
async def test_no_subject_keeps_a_dead_letter_from_being_stored(world, subject):
    assert await world.writer.store(Delivery(1, subject, b"", 0), Cause(Reason.INVALID_SUBJECT, "no"))
    (found,) = await listed(world, reason=Reason.INVALID_SUBJECT)
    with pytest.raises(ProblemError):
        await world.letters.replay(DeadChoice(id=found.id))
    assert await world.letters.discard(DeadChoice(id=found.id))


async def test_a_full_stream_says_no_takes_nothing_and_takes_again_when_there_is_room(world):
    large, stored = b"x" * 200_000, 0
    while await world.writer.store(series("g", body=large), Cause(Reason.REFUSED, "no")):
        stored += 1
    assert stored == 5
    small = await world.writer.store(series("h", body=b"x" * 1000), Cause(Reason.REFUSED, "no"))
    assert small, "what fits is taken"
    (first, *_) = await listed(world, gateway="g")
    await world.letters.discard(DeadChoice(id=first.id))
    assert await world.writer.store(series("g", body=large), Cause(Reason.REFUSED, "no"))
    assert (await world.counts.count(DeadFilter())).total == stored + 1


async def test_they_are_found_and_counted_by_reason_gateway_and_sensor(world):
    for gateway, sensor, reason in (
        *(("g", "s", Reason.REFUSED), ("g", "t", Reason.REFUSED), ("h", "s", Reason.REFUSED)),
        *(("g", "s", Reason.INVALID_BODY), ("h", "t", Reason.UNKNOWN_SENSOR)),
    ):
        await world.writer.store(series(gateway, sensor), Cause(reason, "no"))
    for wanted, number in (
        *(({}, 5), ({"gateway": "g"}, 3), ({"sensor": "s"}, 3), ({"reason": Reason.REFUSED}, 3)),
        *(({"gateway": "g", "reason": Reason.REFUSED}, 2), ({"gateway": "g", "sensor": "t"}, 1)),
        ({"gateway": "nobody"}, 0),
    ):
        assert len(await listed(world, **wanted)) == number, wanted
        assert (await world.counts.count(DeadFilter(**wanted))).total == number, wanted
    found = await world.counts.count(DeadFilter())
    assert found.by_reason == {"refused": 3, "invalid_body": 1, "unknown_sensor": 1}


async def test_a_page_says_where_the_next_one_begins(world):
    for number in range(7):
        await world.writer.store(series("g", sequence=number), Cause(Reason.REFUSED, "no"))
    first = await world.letters.list(DeadFilter(limit=5))
    rest = await world.letters.list(DeadFilter(limit=5, after=first.next))
    assert [letter.sequence for letter in [*first.items, *rest.items]] == list(range(7))
    assert rest.next is None
    assert (await world.counts.count(DeadFilter(after=first.next))).total == 2


async def test_times_choose_among_them(world):
    await world.writer.store(series("g", sequence=1), Cause(Reason.REFUSED, "no"))
    await asyncio.sleep(0.02)
    between = time.time_ns() // 1_000_000
    await world.writer.store(series("g", sequence=2), Cause(Reason.REFUSED, "no"))
    assert [letter.sequence for letter in await listed(world, since=between)] == [2]
    assert [letter.sequence for letter in await listed(world, until=between - 1)] == [1]
    assert (await world.counts.count(DeadFilter(since=between))).total == 1


async def test_a_replay_publishes_what_was_published_and_when_and_ends_the_letter(world):
    delivery = series("g", headers={TRACEPARENT: TRACE})
    for _ in range(2):
        await world.writer.store(delivery, Cause(Reason.REFUSED, "no"))
    await world.writer.store(series("h"), Cause(Reason.REFUSED, "no"))
    answer = await world.letters.replay(DeadChoice(gateway="g"))
    assert (answer.done, answer.failed, answer.next) == (2, 0, None)
    headers = {PUBLISHED_AT: str(delivery.published_ms), TRACEPARENT: TRACE}
    published = [
        (subject, body, {name: said[name] for name in headers})
        for subject, body, said in await world.published()
    ]
    assert published == [(delivery.subject, delivery.body, headers)] * 2
    assert [letter.gateway for letter in await listed(world)] == ["h"]


async def test_what_is_discarded_is_published_nowhere(world):
    for gateway in ("g", "g", "h"):
        await world.writer.store(series(gateway), Cause(Reason.REFUSED, "no"))
    assert (await world.letters.discard(DeadChoice(gateway="g"))).done == 2
    assert (await world.letters.discard(DeadChoice(all=True))).done == 1
    assert (await listed(world), await world.published()) == ([], [])


async def test_a_letter_that_is_not_there_and_a_choice_of_nothing_are_said(world):
    with pytest.raises(ProblemError):
        await world.letters.get(10**9)
    with pytest.raises(ProblemError):
        await world.letters.discard(DeadChoice(id=10**9))
    with pytest.raises(ProblemError):
        await world.letters.replay(DeadChoice())
    assert (await world.letters.replay(DeadChoice(all=True))).done == 0


@pytest.mark.parametrize(
    ("body", "indexes", "shown"),
    [
        (b'[{"value":"1"},{"value":null}]', [1], (1,)),
        (b"  [1, 2]", [1, 0], (0, 1)),
        (b"{}", [0], ()),
        (b"", [], ()),
    ],
)
async def test_what_the_simulations_dead_letters_show_is_what_is_stored(world, body, indexes, shown):
    delivery = series("g", body=body, failed_indexes=indexes)
    cause = Cause(Reason.INVALID_VALUE, "a  detail\nof two lines", 400)
    memory = MemoryDeadLetters()
    assert await memory.store(delivery, cause)
    assert await world.writer.store(delivery, cause)
    (mine,), (found,) = memory.stored, await listed(world)
    assert (mine.sequence, mine.subject, mine.body.decode(), mine.reason, mine.detail, mine.http_status) == (
        *(found.sequence, found.subject, found.body, found.reason, found.detail, found.http_status),
    )
    said = (await world.headers()).get(INDEXES, "")
    assert mine.indexes == shown == tuple(int(index) for index in said.split(",") if index)
