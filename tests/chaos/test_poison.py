"""Readings and sensors that can never be delivered: each ends with its reason, and holds up nobody."""

import asyncio
import json

import pytest
from nats.js.errors import APIError

from chaos.arena import arena
from chaos.ledger import body_of
from chaos.run import SEED, publish_while
from ferry.contract import subjects
from ferry.contract.topology import MAX_BODY
from harness.processes import eventually


def series_of(sensor):
    return {"path": f"*/sensors/{sensor[1]}/series", "method": "PUT"}


async def too_large(ring, sensor, **options):
    """The cloud takes no body of this size."""
    await ring.sandbox.fault(match=series_of(sensor), kind="status", status=413, **options)


async def array(ring, sensor, values):
    """One message with a reading for each of `values`, which the ledger knows one by one."""
    readings = {number + 1: value for number, value in enumerate(values)}
    body = json.dumps([{"value": value, "time": time} for time, value in readings.items()]).encode()
    ring.publisher.ledger.sent[sensor] = readings
    await ring.publisher.jetstream.publish(subjects.sensor_series(*sensor), body)
    ring.publisher.ledger.acknowledged[sensor] = readings


async def test_one_sensor_for_ever_failing_among_good_ones(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1, FERRY_TELEMETRY__RETRY_BUDGET_S="1") as ring:
        stuck = ring.sensors[0]
        await ring.sandbox.fault(match=series_of(stuck), kind="status", status=500)

        async def buried() -> None:
            await asyncio.sleep(1)
            ring.publisher.retired.add(stuck)
            published = ring.publisher.ledger.acknowledged[stuck]

            async def all_dead() -> bool:
                return len(await ring.dead()) >= len(published)

            await eventually(all_dead, within_s=40, what="the stuck sensor's dead letters")

        # The budget runs only while others get through: they go on until it has run out.
        await publish_while(ring, buried(), per_sensor=4000)
        letters = await ring.dead()
        assert {reason for _, reason, _ in letters} == {"retries_exhausted"}
        assert all(f".{stuck[1]}." in subject for subject, _, _ in letters)


async def test_poison_holds_up_nobody(tmp_path):
    async with arena(tmp_path, seed=SEED, replicas=1) as ring:

        async def poison() -> None:
            jetstream = ring.client.jetstream()
            for number in range(40):
                gateway, sensor = ring.random.choice(ring.sensors)
                subject = f"ferry.v1.gateways.{gateway}.sensors.{sensor}.series"
                bad = [
                    (subject, b"{"),
                    (subject, b'{"value":null,"time":1}'),
                    (subject.replace(gateway, "nobody"), b'{"value":"1","time":1}'),
                    (subject + ".more", b"1"),
                ]
                await jetstream.publish(*bad[number % len(bad)])
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
        garbage = b"{" + b" " * (MAX_BODY - 1)

        async def swell() -> None:
            await asyncio.sleep(0.3)
            with pytest.raises(APIError, match="message size exceeds"):
                await ring.publisher.jetstream.publish(subjects.sensor_series(*broken), garbage + b" ")
            await ring.publisher.jetstream.publish(subjects.sensor_series(*broken), garbage)
            await too_large(ring, split, for_requests=2)
            await array(ring, split, [str(number) for number in range(8)])
            await too_large(ring, refused)
            await ring.publisher.publish(refused, 1, "1")
            await ring.sandbox.fault(match=series_of(dropped), kind="reset_after", for_requests=1)
            await ring.publisher.publish(dropped, 1, "1" * 400_000)

        await publish_while(ring, swell(), per_sensor=100)
        letters = {reason: body for _, reason, body in await ring.dead()}
        assert letters == {"invalid_body": garbage, "refused": body_of(1, "1")}
        assert len(await ring.sandbox.series(*split)) == 8
