"""The index against a plain sorted dictionary, and the work of a page by the size of the fleet."""

from hypothesis import given
from hypothesis import strategies as st

from ferry.registry.index import FEW, Index

ids = st.text("ab-_9", min_size=1, max_size=3)
keys = st.builds("{}.{}.{}".format, st.sampled_from(["devices", "sensors"]), ids, ids)
changes = st.dictionaries(keys, st.none() | st.binary(min_size=1, max_size=9))


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
        index.update(update)
        model |= update
    assert len(index) == len(model)
    for prefix in ("devices.", "sensors.", f"sensors.{owner}."):
        wanted = [model[key] for key in sorted(model) if key.startswith(prefix) and model[key] is not None]
        assert walk(index, prefix, limit, most_bytes) == wanted


@given(changes, changes, st.integers(1, 5))
def test_what_stays_is_seen_once_whatever_is_written_between_two_pages(before, between, limit):
    index = Index()
    index.update(before)
    first, after = index.page("sensors.", "", limit, 1000)
    index.update(between)
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
    at_once.update(many)
    for key in many:
        one_by_one.update({key: b"x"})
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
    index.update({Counted(f"sensors.g{number // 50:04}.{number:06}"): b"{}" for number in range(sensors)})
    middle = f"sensors.g{sensors // 100:04}."
    Counted.looks = 0
    call(index, middle)
    return Counted.looks


def test_a_pages_work_does_not_grow_with_the_fleet():
    calls = {
        "first": lambda index, middle: index.page("sensors.", "", 50, 1 << 20),
        "middle": lambda index, middle: index.page("sensors.", middle, 50, 1 << 20),
        "owner": lambda index, middle: index.page(middle, "", 50, 1 << 20),
        "register": lambda index, middle: index.update({Counted(f"{middle}new"): b"{}"}),
        "change": lambda index, middle: index.update({f"{middle}new": None}),
    }
    for name, call in calls.items():
        small, large = looks(100, call), looks(12_800, call)
        assert large <= small + 3 * 7, name  # 7 doublings: a few comparisons more for each bisection
