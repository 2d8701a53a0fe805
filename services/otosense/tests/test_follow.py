"""A claimed sensor is followed until it connects, through outages and restarts, and is told of once."""

import asyncio
from collections import Counter
from itertools import pairwise

import certificates
import pytest

from ferry.contract import subjects, topology
from ferry.contract.otosense import GetSensor, Sensor
from ferry.otosense.sensors.schedule import Schedule
from ferry.runtime.requests import ask
from harness.processes import eventually

SPEED = 200.0
"""26 minutes in 8 s."""


@pytest.fixture
def ended(told):
    async def both() -> Counter[str]:
        found: Counter[str] = Counter()
        for verb in ("connected", "silent"):
            found.update(f"{one['sensorId']} {verb}" for one in await told(verb))
        return found

    return both


async def cloud_looks(sandbox) -> int:
    rows = (await sandbox.get("/admin/counters"))["requests"]
    return sum(int(row["count"]) for row in rows if row["method"] == "GET" and "/sensors/" in row["route"])


def test_the_schedule_is_close_for_two_minutes_then_by_the_minute_to_26():
    schedule, now, looks = Schedule(), 0, []
    while not schedule.over(0, now):
        now = schedule.next_poll(0, now)
        looks.append(now)
    assert sum(at <= 120_000 for at in looks) == 24
    later = [at for at in looks if at > 120_000]
    assert {after - before for before, after in pairwise(later)} == {60_000}
    assert looks[-1] >= 25 * 60_000
    assert schedule.next_poll(0, 0, retry_after_s=30) == 30_000


async def test_at_once_after_a_sleep_and_never(auth, start, provision, ended, sandbox, nats_client):
    await sandbox.post("/admin/clock", {"scale": SPEED})
    async with start(speed=SPEED):
        for name in ("S1", "S2-SLEEPY", "S3-NEVER"):
            await provision(certificates.chain(name))
        wanted = Counter(["S1 connected", "S2-SLEEPY connected", "S3-NEVER silent"])

        async def all_told() -> bool:
            return bool(await ended() == wanted)

        await eventually(all_told, within_s=30, what="each told of")
        silent = await ask(
            nats_client, subjects.OTOSENSE_SENSORS_GET, GetSensor(sensor_id="S3-NEVER"), Sensor
        )
        assert silent.stage == "silent"
        assert "provision it again" in silent.next_step
        assert [step.what for step in silent.story] == ["claimed", "silent"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 401, "for_requests": 2},
        {"kind": "status", "status": 404, "for_requests": 5},
        {"kind": "status", "status": 429, "retry_after": "1", "for_requests": 2},
        {"kind": "status", "status": 503, "for_requests": 5},
        {"kind": "blackhole", "for_requests": 1},
        {
            "kind": "status",
            "status": 200,
            "for_requests": 3,
            "body": {
                "sensorId": "S1",
                "provisioned": "2020-08-18T18:43:35.713Z",
                "provisionedBy": "k",
                "lastConnected": None,
            },
        },
    ],
    ids=lambda fault: f"{fault['kind']}{fault.get('status', '')}",
)
async def test_a_failure_of_the_cloud_is_no_silence(auth, start, provision, ended, sandbox, fault):
    await sandbox.post("/admin/sensors/S1/connect", {"delay_s": 0})
    await sandbox.fault(match={"method": "GET", "path": "/sensors/*"}, **fault)
    async with start(speed=50, timeout_s=1):
        await provision(certificates.chain("S1"))

        async def told_once() -> bool:
            return bool(await ended() == Counter(["S1 connected"]))

        await eventually(told_once, within_s=20, what="connected")


async def test_an_outage_over_the_whole_time_ends_in_no_silence(auth, start, provision, ended, sandbox):
    await sandbox.post("/admin/sensors/S1/connect", {"delay_s": 0})
    await sandbox.fault(match={"method": "GET", "path": "/sensors/*"}, kind="status", status=503)
    async with start(speed=2000):  # 26 minutes in 0.8 s
        await provision(certificates.chain("S1"))
        await asyncio.sleep(1.5)
        assert not await ended()
        await sandbox.heal()

        async def told_once() -> bool:
            return bool(await ended() == Counter(["S1 connected"]))

        await eventually(told_once, what="connected")


async def test_hundreds_through_two_restarts_are_each_told_of_once(
    auth, start, provision, ended, told, sandbox, nats_client
):
    """270 connect after their sleep, 30 never do; the follower is stopped and started twice."""
    speed = 60.0
    names = [f"S{number:04d}{'-NEVER' if number % 10 == 0 else '-SLEEPY'}" for number in range(300)]
    await sandbox.post("/admin/clock", {"scale": speed})

    turn = asyncio.Semaphore(16)

    async def claim(name: str) -> None:
        async with turn:
            await provision(certificates.self_signed(name))

    async with start(speed=speed):
        await asyncio.gather(*(claim(name) for name in names))
    async with start(speed=speed):
        await asyncio.sleep(3)
    wanted = Counter(f"{name} {'silent' if 'NEVER' in name else 'connected'}" for name in names)
    async with start(speed=speed):

        async def all_told() -> bool:
            return len(await ended()) >= len(wanted)

        await eventually(all_told, within_s=60, what="all told of")
    assert await ended() == wanted
    looks = sum(one["polls"] for one in [*await told("connected"), *await told("silent")])
    assert await cloud_looks(sandbox) == looks  # none was made twice, none is unaccounted for
    left = await nats_client.jetstream().stream_info(topology.OTOSENSE_FOLLOW.name)
    assert left.state.messages == 0
