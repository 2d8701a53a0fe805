"""Readings and sensors that can never be delivered: each ends with its reason, and holds up nobody."""

import asyncio
from typing import Any

import pytest
from nats.js.errors import APIError

from chaos.arena import arena
from chaos.ledger import NO_NUMBER, START_MS, body_of
from chaos.run import SEED, publish_while
from ferry.contract import subjects
from ferry.contract.topology import MAX_BODY
from harness.processes import eventually


def series_of(sensor):
    return {"path": f"*/sensors/{sensor[1]}/series", "method": "PUT"}


async def too_large(ring, sensor, **options):
    """The cloud takes no body of this size."""
    await ring.sandbox.fault(match=series_of(sensor), kind="status", status=413, **options)


async def test_one_sensor_for_ever_failing_among_good_ones(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1, FERRY_TELEMETRY__RETRY_BUDGET_S="1") as ring:
        stuck = ring.sensors[0]
        ring.publisher.ledger.bad_sensors[stuck] = frozenset({"retries_exhausted"})
        await ring.sandbox.fault(match=series_of(stuck), kind="status", status=500)

        async def dead_lettered() -> None:
            await asyncio.sleep(1)
            ring.publisher.retired.add(stuck)
            published = ring.publisher.ledger.acknowledged[stuck]

            async def all_dead() -> bool:
                bodies = {ring.publisher.ledger.body(stuck, *reading) for reading in published.items()}
                return len(await ring.dead()) >= len(bodies)

            await eventually(all_dead, within_s=40, what="the stuck sensor's dead letters")

        # The budget runs only while others get through: they go on until it has run out.
        await publish_while(ring, dead_lettered(), per_sensor=4000)
        letters = await ring.dead()
        assert {reason for _, reason, _ in letters} == {"retries_exhausted"}
        assert all(f".{stuck[1]}." in subject for subject, _, _ in letters)


async def test_poison_holds_up_nobody(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:

        async def poison() -> None:
            for number in range(40):
                gateway, sensor = ring.random.choice(ring.sensors)
                subject = subjects.sensor_series(gateway, sensor)
                moment = START_MS + number
                bad = [
                    (subject, b"{", "invalid_body"),
                    (subject, b'{"value":null,"time":%d}' % moment, "invalid_value"),
                    (subject.replace(gateway, "nobody"), body_of(moment, "1"), "unknown_sensor"),
                    (subject + ".more", b"1", "invalid_subject"),
                ]
                await ring.publish_bad(*bad[number % len(bad)])
                await asyncio.sleep(0.02)

        await publish_while(ring, poison(), per_sensor=200)
        reasons = [reason for _, reason, _ in await ring.dead()]
        assert {name: reasons.count(name) for name in set(reasons)} == {
            "invalid_body": 10,
            "invalid_value": 10,
            "unknown_sensor": 10,
            "invalid_subject": 10,
        }


async def test_what_is_too_large_is_told_at_once_or_split_or_buried(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:
        broken, split, refused, dropped = ring.sensors[:4]
        ring.publisher.retired.update((broken, split, refused, dropped))
        ring.publisher.ledger.bad_sensors[refused] = frozenset({"refused"})
        garbage = b"{" + b" " * (MAX_BODY - 1)

        async def swell() -> None:
            await asyncio.sleep(0.3)
            with pytest.raises(APIError, match="message size exceeds"):
                await ring.publisher.jetstream.publish(subjects.sensor_series(*broken), garbage + b" ")
            await ring.publish_bad(subjects.sensor_series(*broken), garbage, "invalid_body")
            await too_large(ring, split, for_requests=2)
            await ring.publisher.publish_array(split, {START_MS + number: str(number) for number in range(8)})
            await too_large(ring, refused)
            await ring.publisher.publish(refused, START_MS, "1")
            await ring.sandbox.fault(match=series_of(dropped), kind="reset_after", for_requests=1)
            await ring.publisher.publish(dropped, START_MS, "1" * 400_000)

        await publish_while(ring, swell(), per_sensor=100)
        letters = {reason: body for _, reason, body in await ring.dead()}
        assert letters == {"invalid_body": garbage, "refused": body_of(START_MS, "1")}
        assert len(await ring.sandbox.series(*split)) == 8


async def test_several_sensors_failing_each_in_its_own_way(tmp_path):
    """Only their readings are dead letters, each for the reason that its sensor's fault allows."""
    ways: tuple[tuple[dict[str, Any], str], ...] = (
        ({"kind": "status", "status": 500}, "retries_exhausted"),
        ({"kind": "status", "status": 503, "retry_after": "1"}, "retries_exhausted"),
        ({"kind": "blackhole"}, "retries_exhausted"),
        ({"kind": "reset_before"}, "retries_exhausted"),
        ({"kind": "status", "status": 413}, "refused"),
    )
    quick = arena(
        tmp_path,
        seed=SEED,
        replicas=1,
        FERRY_TELEMETRY__RETRY_BUDGET_S="1",
        FERRY_THINGPLUS__ANSWER_S="0.5",
    )
    async with quick as ring:
        failing = ring.sensors[:5]
        for sensor, (fault, reason) in zip(failing, ways, strict=True):
            ring.publisher.ledger.bad_sensors[sensor] = frozenset({reason})
            await ring.sandbox.fault(match=series_of(sensor), **fault)

        async def each_gave_up() -> None:
            async def dead() -> bool:
                sensors = {subject.split(".")[5] for subject, _, _ in await ring.dead()}
                return sensors >= {sensor for _, sensor in failing}

            await eventually(dead, within_s=60, what="a dead letter of each failing sensor")
            await ring.sandbox.heal()

        await publish_while(ring, each_gave_up(), per_sensor=10_000)


async def test_a_bad_reading_of_an_array_stops_none_of_the_good_ones(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:
        mixed = ring.sensors[0]
        ring.publisher.retired.add(mixed)

        async def publish() -> None:
            values = ["1", NO_NUMBER, "3", NO_NUMBER, NO_NUMBER, "6"]
            await asyncio.sleep(0.3)
            await ring.publisher.publish_array(
                mixed, {START_MS + number: value for number, value in enumerate(values)}
            )

        await publish_while(ring, publish(), per_sensor=100)
        assert [reason for _, reason, _ in await ring.dead()] == ["refused"]
        assert [point["value"] for point in await ring.sandbox.series(*mixed)] == ["1", "3", "6"]
