from hypothesis import given
from hypothesis import strategies as st

from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.lanes.backlog import Backlog
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.points import points_of
from ferry.telemetry.lanes.queued import QueuedPoint, body_of, chunks
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.lanes.times import TimeBounds
from ferry.telemetry.stream.delivery import Cause, Delivery

ADDRESS = Address("g", "s", "series")


def new_lane() -> SeriesLane:
    return SeriesLane(ADDRESS, LaneHealth())


def received(sequence: int, points: int = 1, published_ms: int = 1000) -> Delivery:
    return Delivery(sequence, ADDRESS.subject, b"", published_ms, open=points)


def offer(lane: SeriesLane, sequence: int, time: int | None, value: bytes = b'"1"') -> None:
    lane.waiting.append(waiting(received(sequence), time, value))


def waiting(message: Delivery, time: int | None, value: bytes = b'"1"') -> tuple[Delivery, list[QueuedPoint]]:
    shown = value if time is None else value + b',"time":%d' % time
    message.body = b'{"value":' + shown + b"}"
    return message, points_of(message, TimeBounds(0, 10**15))[0]


def test_what_waits_leaves_sorted_by_time_as_one_array():
    lane = new_lane()
    for sequence, time in ((1, 30), (2, 10), (3, 20)):
        offer(lane, sequence, time)
    taken = lane.take()
    assert (
        body_of(taken.points) == b'[{"value":"1","time":10},{"value":"1","time":20},{"value":"1","time":30}]'
    )
    assert lane.waiting == []


def test_a_single_reading_is_an_object():
    lane = new_lane()
    offer(lane, 1, 10)
    assert body_of(lane.take().points) == b'{"value":"1","time":10}'


def test_the_same_reading_twice_is_sent_once_and_settles_both_messages():
    lane = new_lane()
    offer(lane, 1, 10)
    offer(lane, 2, 10)
    (point,) = lane.take().points
    assert [message.sequence for message in point.finish()] == [1, 2]


def test_a_second_value_for_a_time_is_out_of_order():
    lane = new_lane()
    offer(lane, 1, 10, b'"1"')
    offer(lane, 2, 10, b'"2"')
    taken = lane.take()
    assert len(taken.points) == 1
    assert [(done.sequence, done.cause and done.cause.reason) for done in taken.done] == [(2, "out_of_order")]


def test_readings_without_a_time_in_one_ms_keep_their_order():
    lane = new_lane()
    offer(lane, 1, None, b'"1"')
    offer(lane, 2, None, b'"2"')
    assert [(point.time, point.value) for point in lane.take().points] == [(1000, b'"1"'), (1001, b'"2"')]


def test_a_time_that_was_made_up_gives_way_to_one_that_was_published():
    lane = new_lane()
    for sequence, time, value in ((1, 1000, b'"1"'), (2, None, b'"2"'), (3, 1001, b'"3"'), (4, 1002, b'"4"')):
        offer(lane, sequence, time, value)
    taken = lane.take()
    assert [(point.time, point.value) for point in taken.points] == [
        *((1000, b'"1"'), (1001, b'"3"'), (1002, b'"4"'), (1003, b'"2"')),
    ]
    assert taken.done == []


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 7), st.integers(10, 300))
def test_chunks_lose_nothing_and_keep_the_order(sizes, max_points, max_bytes):
    lane = new_lane()
    for number, size in enumerate(sizes):
        offer(lane, number + 1, number, b'"' + b"x" * size + b'"')
    points = lane.take().points
    cut = chunks(points, max_points, max_bytes)
    assert [point for chunk in cut for point in chunk] == points
    assert all(len(chunk) <= max_points for chunk in cut)
    assert all(len(chunk) == 1 or len(body_of(chunk)) <= max_bytes for chunk in cut)


def test_a_burst_without_times_keeps_its_order_however_long_it_is():
    lane = new_lane()
    for sequence in range(4000):
        offer(lane, sequence, None, b'"%d"' % sequence)
    points = lane.take().points
    assert [point.value for point in points] == [b'"%d"' % number for number in range(4000)]
    assert [point.time for point in points] == list(range(1000, 5000))


def test_a_replayed_reading_without_a_time_keeps_the_time_of_then():
    lane = new_lane()
    lane.raise_last(5000)
    message = received(1)
    message.replayed = True
    lane.waiting.append(waiting(message, None))
    assert [(point.time, point.implicit) for point in lane.take().points] == [(1000, False)]


def test_equal_numbers_at_one_time_are_one_reading():
    lane = new_lane()
    offer(lane, 1, 10, b'"1.0"')
    offer(lane, 2, 10, b'"1"')
    assert len(lane.take().points) == 1


def test_a_message_with_bad_elements_ends_with_its_last_good_one_and_names_the_bad():
    lane = new_lane()
    message = received(1, points=2)
    message.fail(1, Cause(Reason.INVALID_VALUE, "null"))
    points = [QueuedPoint(time, b'"1"', message, index, implicit=False) for time, index in ((10, 0), (30, 2))]
    lane.waiting.append((message, points))
    first, last = lane.take().points
    assert first.finish() == []
    assert last.fail(Cause(Reason.REFUSED, "no")) == [message]
    assert (message.failed_indexes, message.cause and message.cause.reason) == ([1, 2], Reason.INVALID_VALUE)


def test_nothing_newer_overtakes_what_is_parked():
    lane = new_lane()
    lane.backlog.add(5)
    assert (lane.has_room(6, 10), lane.has_room(4, 10)) == (False, True)
    lane.backlog.take_through(5)
    assert lane.has_room(6, 10)


def test_a_lane_keeps_so_many_in_memory_and_none_before_its_sensor_is_confirmed():
    lane = new_lane()
    offer(lane, 1, 1)
    assert (lane.has_room(2, 1), lane.has_room(2, 2)) == (False, True)
    lane.unregistered = True
    assert not lane.has_room(2, 2)


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=80))
def test_a_backlog_is_a_sorted_set_whatever_comes_again(steps):
    backlog, model = Backlog(), set()
    for sequence, add in steps:
        if add:
            backlog.add(sequence)
            model.add(sequence)
        else:
            assert backlog.take_through(sequence) == sorted(one for one in model if one <= sequence)
            model = {one for one in model if one > sequence}
        assert len(backlog) == len(model)
        assert all((number in backlog) == (number in model) for number in range(1, 61))
        assert not model or (backlog.first, backlog.last) == (min(model), max(model))
