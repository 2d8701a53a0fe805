from hypothesis import given
from hypothesis import strategies as st

from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.lane import Lane, body_of, chunks, close, doom, fail
from ferry.telemetry.lanes.points import Point

ADDRESS = Address("g", "s", "series")


def held(sequence: int, points: int = 1, published_ms: int = 1000) -> Held:
    return Held(sequence, f"ack.{sequence}", ADDRESS.subject, b"", published_ms, None, 100, open=points)


def offer(lane: Lane, sequence: int, time: int | None, value: bytes = b'"1"', room: int = 10) -> bool:
    return lane.offer(held(sequence), [Point(time, value, 0)], room)


def test_what_waits_leaves_sorted_by_time_as_one_array():
    lane = Lane(ADDRESS)
    for sequence, time in ((1, 30), (2, 10), (3, 20)):
        assert offer(lane, sequence, time)
    taken = lane.take()
    assert body_of(taken.dots) == b'[{"value":"1","time":10},{"value":"1","time":20},{"value":"1","time":30}]'
    assert lane.waiting == []


def test_a_single_reading_is_an_object():
    lane = Lane(ADDRESS)
    offer(lane, 1, 10)
    assert body_of(lane.take().dots) == b'{"value":"1","time":10}'


def test_the_same_reading_twice_is_sent_once_and_settles_both_messages():
    lane = Lane(ADDRESS)
    offer(lane, 1, 10)
    offer(lane, 2, 10)
    (dot,) = lane.take().dots
    assert [message.sequence for message in close(dot)] == [1, 2]


def test_a_second_value_for_a_time_is_out_of_order():
    lane = Lane(ADDRESS)
    offer(lane, 1, 10, b'"1"')
    offer(lane, 2, 10, b'"2"')
    taken = lane.take()
    assert len(taken.dots) == 1
    assert [(done.sequence, done.verdict and done.verdict.reason) for done in taken.done] == [
        (2, "out_of_order")
    ]


def test_readings_without_a_time_in_one_ms_keep_their_order():
    lane = Lane(ADDRESS)
    offer(lane, 1, None, b'"1"')
    offer(lane, 2, None, b'"2"')
    assert [(dot.time, dot.value) for dot in lane.take().dots] == [(1000, b'"1"'), (1001, b'"2"')]


def test_nothing_newer_overtakes_what_was_given_back():
    lane = Lane(ADDRESS)
    assert offer(lane, 1, 1, room=1)
    assert not offer(lane, 2, 2, room=1)
    assert not offer(lane, 3, 3, room=9)
    assert not offer(lane, 3, 3, room=9)
    assert offer(lane, 2, 2, room=9)
    assert offer(lane, 3, 3, room=9)
    assert not lane.given_back


def test_a_failing_lane_sheds_the_newest_and_remembers_it():
    lane = Lane(ADDRESS)
    for sequence in range(1, 6):
        offer(lane, sequence, sequence)
    assert [message.sequence for message in lane.shed(2)] == [3, 4, 5]
    assert list(lane.given_back) == [3, 4, 5]
    assert not offer(lane, 6, 6)


def test_what_was_given_back_and_then_buried_holds_up_nobody():
    lane = Lane(ADDRESS)
    offer(lane, 1, 1, room=1)
    assert not offer(lane, 2, 2, room=1)
    lane.forget(2)
    assert offer(lane, 3, 3, room=9)


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=60), st.integers(1, 4))
def test_whatever_comes_again_and_when_a_lane_takes_sequences_in_order(deliveries, room):
    lane = Lane(ADDRESS)
    seen: set[int] = set()
    order: list[int] = []
    highest = 0
    for step, (sequence, take) in enumerate(deliveries):
        # The server delivers new ones in order, and what was given back at any time.
        again = sorted(set(lane.given_back))
        number = again[sequence % len(again)] if again and step % 2 else highest + 1
        highest = max(highest, number)
        if number not in seen and offer(lane, number, number, room=room):
            seen.add(number)
            order.append(number)
        if take:
            lane.take()
    assert order == sorted(order)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 7), st.integers(10, 300))
def test_chunks_lose_nothing_and_keep_the_order(sizes, max_points, max_bytes):
    lane = Lane(ADDRESS)
    for number, size in enumerate(sizes):
        offer(lane, number + 1, number, b'"' + b"x" * size + b'"', room=100)
    dots = lane.take().dots
    cut = chunks(dots, max_points, max_bytes)
    assert [dot for chunk in cut for dot in chunk] == dots
    assert all(len(chunk) <= max_points for chunk in cut)
    assert all(len(chunk) == 1 or len(body_of(chunk)) <= max_bytes for chunk in cut)


def test_a_burst_without_times_keeps_its_order_however_long_it_is():
    lane = Lane(ADDRESS)
    for sequence in range(4000):
        assert offer(lane, sequence, None, b'"%d"' % sequence, room=5000)
    dots = lane.take().dots
    assert [dot.value for dot in dots] == [b'"%d"' % number for number in range(4000)]
    assert [dot.time for dot in dots] == list(range(1000, 5000))


def test_a_replayed_reading_without_a_time_keeps_the_time_of_then():
    lane = Lane(ADDRESS)
    lane.raise_last(5000)
    message = held(1)
    message.replayed = True
    lane.offer(message, [Point(None, b'"1"', 0)], 10)
    assert [(dot.time, dot.implicit) for dot in lane.take().dots] == [(1000, False)]


def test_equal_numbers_at_one_time_are_one_reading():
    lane = Lane(ADDRESS)
    offer(lane, 1, 10, b'"1.0"')
    offer(lane, 2, 10, b'"1"')
    assert len(lane.take().dots) == 1


def test_a_message_with_bad_elements_ends_with_its_last_good_one_and_names_the_bad():
    lane = Lane(ADDRESS)
    message = held(1, points=2)
    fail(message, 1, Verdict(Reason.INVALID_VALUE, "null"))
    lane.offer(message, [Point(10, b'"1"', 0), Point(30, b'"3"', 2)], 10)
    first, last = lane.take().dots
    assert close(first) == []
    assert doom(last, Verdict(Reason.REFUSED, "no")) == [message]
    assert (message.failed, message.verdict and message.verdict.reason) == ([1, 2], Reason.INVALID_VALUE)


def test_a_lane_in_quarantine_lets_nothing_overtake_what_comes_again():
    lane = Lane(ADDRESS)
    for sequence in (3, 4):
        offer(lane, sequence, sequence)
    lane.restart([3, 4])
    assert not offer(lane, 5, 5)
    assert [offer(lane, sequence, sequence) for sequence in (3, 4, 5)] == [True, True, True]
