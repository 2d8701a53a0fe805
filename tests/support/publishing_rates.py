"""How fast the library publishes, with confirmation; beside it nats-py, awaiting each publish. In turns."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

from pydantic import SecretStr

from ferry.client import Ferry, NatsSettings
from ferry.contract.subjects import sensor_series
from harness.bus import Bus

ONE_BY_ONE, BULK = 2000, 20_000
SENSORS = 50


@dataclass(frozen=True)
class Rate:
    """Readings a second; and the publisher's processor time in µs a reading, which neighbours disturb less."""

    per_s: float
    cpu_us: float


async def rates(bus: Bus, turns: int) -> dict[str, list[Rate]]:
    seed = (bus.folder / "secrets" / "plant" / "FERRY_NATS__NKEY_SEED").read_text()
    settings = NatsSettings(url=bus.url, nkey_seed=SecretStr(seed), inbox_prefix="_INBOX_plant")
    client = await bus.as_publisher("plant")
    jetstream = client.jetstream()
    found: dict[str, list[Rate]] = {}
    async with Ferry(settings) as ferry:

        async def nats_py(_: int) -> int:
            for n in range(ONE_BY_ONE):
                body = b'{"value":"%d","time":%d}' % (n, n)
                await jetstream.publish(sensor_series("gateway-1", f"s{n % SENSORS}"), body)
            return ONE_BY_ONE

        async def series(_: int) -> int:
            for n in range(ONE_BY_ONE):
                await ferry.series("gateway-0", f"s{n % SENSORS}", n, n)
            return ONE_BY_ONE

        async def bulk(_: int) -> int:
            rows = (("gateway-2", f"s{n % SENSORS}", n, n) for n in range(5 * BULK))
            return (await ferry.bulk(rows)).readings

        async def bulk_of_many_sensors(turn: int) -> int:
            done = await ferry.bulk(("gateway-3", f"s{turn}-{n}", n, n) for n in range(BULK))
            assert done.messages == done.readings
            return done.readings

        for turn in range(turns):
            for way in (nats_py, series, bulk, bulk_of_many_sensors):
                found.setdefault(way.__name__, []).append(await _rate(way, turn))
    await client.close()
    return found


async def _rate(way: Callable[[int], Awaitable[int]], turn: int) -> Rate:
    start, cpu = time.perf_counter(), time.process_time()
    readings = await way(turn)
    return Rate(readings / (time.perf_counter() - start), (time.process_time() - cpu) / readings * 1e6)


def middle(found: list[Rate]) -> Rate:
    return Rate(median(one.per_s for one in found), median(one.cpu_us for one in found))
