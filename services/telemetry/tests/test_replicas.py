"""Who is heard, who is dead, and who should own what."""

import asyncio
from collections import Counter

import pytest

from ferry.contract.telemetry import Presence
from ferry.telemetry.stream.replicas import Replicas, owner
from memory.loop import VirtualLoop, run_virtually

SILENT_S = 5.0


def beat(name, *, leaving=False):
    return Presence(replica=name, leaving=leaving).model_dump_json().encode()


def in_time(check):
    async def main(_: VirtualLoop) -> None:
        await check(Replicas("one", SILENT_S))

    run_virtually(main)


def test_a_replica_is_alive_while_it_is_heard_and_gone_when_it_says_so():
    async def check(replicas: Replicas) -> None:
        assert replicas.alive() == ["one"]
        assert replicas.hear(beat("two"))
        assert replicas.changed.is_set()
        assert replicas.alive() == ["one", "two"]
        await asyncio.sleep(SILENT_S - 0.1)
        replicas.hear(beat("two"))
        await asyncio.sleep(SILENT_S - 0.1)
        assert replicas.alive() == ["one", "two"]
        replicas.changed.clear()
        replicas.hear(beat("two", leaving=True))
        assert (replicas.alive(), replicas.changed.is_set()) == (["one"], True)

    in_time(check)


def test_a_silent_replica_is_dead_only_once_it_was_listened_for_long_enough():
    async def check(replicas: Replicas) -> None:
        assert not replicas.is_dead("two"), "we have just started"
        replicas.hear(beat("two"))
        await asyncio.sleep(SILENT_S + 0.1)
        assert replicas.is_dead("two")
        assert replicas.is_dead("nobody ever heard")
        replicas.forget_absence()
        assert not replicas.is_dead("two"), "after a pause of our own we know nothing"
        await asyncio.sleep(SILENT_S + 0.1)
        assert replicas.is_dead("two")
        assert replicas.is_dead("one"), "what bears our name and is not ours"

    in_time(check)


@pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b"null", b"[" * 10_000, b'{"replica":7}', beat("one")])
def test_what_is_no_heartbeat_of_another_changes_nothing(body):
    async def check(replicas: Replicas) -> None:
        assert replicas.hear(body) is None
        assert (replicas.alive(), replicas.changed.is_set()) == (["one"], False)

    in_time(check)


def test_every_partition_has_one_owner_and_few_move_when_one_comes_or_goes():
    names = [f"replica-{number}" for number in range(4)]
    before = {number: owner(number, names) for number in range(1000)}
    assert before == {number: owner(number, reversed(names)) for number in range(1000)}
    assert min(Counter(before.values()).values()) > 150
    after = {number: owner(number, names[:-1]) for number in range(1000)}
    moved = [number for number in before if before[number] != after[number]]
    assert {before[number] for number in moved} == {names[-1]}
    assert owner(1, []) is None
