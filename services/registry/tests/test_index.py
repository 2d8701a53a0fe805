"""The index against a plain sorted dictionary, and the work of a page by the size of the fleet."""

from hypothesis import given
from hypothesis import strategies as st

from ferry.registry.bucket.index import EXPIRY_SLACK_S, FEW, Entry, Index

ids = st.text("ab-_9", min_size=1, max_size=3)
keys = st.builds("{}.{}.{}".format, st.sampled_from(["devices", "sensors"]), ids, ids)
changes = st.dictionaries(keys, st.none() | st.binary(min_size=1, max_size=9))


def entries(found):
    return {key: Entry(entity) for key, entity in found.items()}


def walk(index, prefix, limit, most_bytes):
    found, after = [], ""
    while True:
        items, after = index.page(prefix, after, limit, most_bytes)
        assert len(items) <= limit
        assert len(items) == 1 or sum(map(len, items)) <= most_bytes
        found += items
        if after is None:
            return found
        assert items


@given(st.lists(changes, max_size=5), ids, st.integers(1, 5), st.integers(1, 40))
def test_pages_joined_are_the_registered_in_order(updates, owner, limit, most_bytes):
    index = Index()
    model: dict[str, bytes | None] = {}
    for update in updates:
        index.update(entries(update))
        model |= update
    assert index.agrees(len(model), 0.0)
    assert not index.agrees(len(model) + 1, 0.0)
    assert not index.agrees(len(model) - 1, 0.0)
    for prefix in ("devices.", "sensors.", f"sensors.{owner}."):
        wanted = [model[key] for key in sorted(model) if key.startswith(prefix) and model[key] is not None]
        assert walk(index, prefix, limit, most_bytes) == wanted


@given(changes, changes, st.integers(1, 5))
def test_what_stays_is_seen_once_whatever_is_written_between_two_pages(before, between, limit):
    index = Index()
    index.update(entries(before))
    first, after = index.page("sensors.", "", limit, 1000)
    index.update(entries(between))
    rest = [] if after is None else [entity for _, entity in index.under("sensors.", after)]
    stays = [
        before[key]
        for key in sorted(before)
        if key.startswith("sensors.") and before[key] is not None and key not in between
    ]
    seen = iter(first + rest)
    assert all(entity in seen for entity in stays)


def test_many_new_ones_come_into_the_same_order_as_few():
    many = {f"sensors.g.{number}": b"x" for number in range(FEW * 3)}
    at_once, one_by_one = Index(), Index()
    at_once.update(entries(many))
    for key in many:
        one_by_one.update({key: Entry(b"x")})
    assert list(at_once.under("")) == list(one_by_one.under(""))


class Counted(str):
    __slots__ = ()
    looks = 0

    def __lt__(self, other):
        Counted.looks += 1
        return str.__lt__(self, other)

    def __gt__(self, other):
        Counted.looks += 1
        return str.__gt__(self, other)

    def startswith(self, *arguments):
        Counted.looks += 1
        return str.startswith(self, *arguments)


def looks(sensors, call):
    index = Index()
    index.update(
        {Counted(f"sensors.g{number // 50:04}.{number:06}"): Entry(b"{}") for number in range(sensors)}
    )
    middle = f"sensors.g{sensors // 100:04}."
    Counted.looks = 0
    call(index, middle)
    return Counted.looks


def test_a_pages_work_does_not_grow_with_the_fleet():
    calls = {
        "first": lambda index, middle: index.page("sensors.", "", 50, 1 << 20),
        "middle": lambda index, middle: index.page("sensors.", middle, 50, 1 << 20),
        "owner": lambda index, middle: index.page(middle, "", 50, 1 << 20),
        "register": lambda index, middle: index.update({Counted(f"{middle}new"): Entry(b"{}")}),
        "change": lambda index, middle: index.update({f"{middle}new": Entry()}),
    }
    for name, call in calls.items():
        small, large = looks(100, call), looks(12_800, call)
        assert large <= small + 3 * 7, name  # 7 doublings: a few comparisons more for each bisection


def test_keys_that_may_have_expired_are_missed_by_nobody():
    index = Index()
    index.update({"a": Entry(b"a"), "b": Entry(expires_at=1000.0), "c": Entry(expires_at=5000.0)})
    assert index.agrees(3, 500.0)
    assert not index.agrees(2, 500.0)
    assert index.agrees(3, 1001.0)
    assert index.agrees(2, 1001.0)
    assert not index.agrees(1, 1001.0)
    assert index.agrees(2, 1001.0 + EXPIRY_SLACK_S)
    assert not index.agrees(3, 1001.0 + EXPIRY_SLACK_S)
    index.update({"c": Entry(b"c")})
    assert index.agrees(2, 9000.0)
    assert not index.agrees(1, 9000.0)


def test_an_entity_answers_to_the_names_that_it_has_now():
    index = Index()
    index.update({"a": Entry(b"1", ("x", "y")), "b": Entry(b"2", ("y",))})
    assert (index.at("x"), index.at("y"), index.at("z")) == ([b"1"], [b"1", b"2"], [])
    index.update({"a": Entry(b"3", ("z",)), "b": Entry()})
    assert (index.at("x"), index.at("y"), index.at("z")) == ([], [], [b"3"])
    assert list(index.under("")) == [("a", b"3")]
