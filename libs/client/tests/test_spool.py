"""The spool: bounded, whole after kill -9, its owner's alone, and loud when it is full."""

import asyncio
import json
import logging
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from fake_stream import FakeStream, first_of_each, values

from ferry.client import Ferry, SpoolError, SpoolFullError
from ferry.contract.subjects import sensor_series

SUPPORT = Path(__file__).resolve().parents[3] / "tests" / "support"
SMALL = 512 * 1024
SERIES = sensor_series("g", "s")
WRITER = """
import asyncio, sys
from fake_stream import FakeStream
from ferry.client import Ferry

async def main():
    async with Ferry(stream=FakeStream(there=False), spool=sys.argv[1]) as ferry:
        number = 0
        while True:
            numbers = range(number, number + 7)
            await asyncio.gather(*(ferry.series("g", f"s{n % 3}", n) for n in numbers))
            number += 7
            print(number, flush=True)

asyncio.run(main())
"""


async def drained(spool, stream=None):
    stream = stream or FakeStream()
    async with Ferry(stream=stream, spool=spool) as ferry:
        assert await ferry.flush(20)
        state = await ferry.spool_state()
    return values([(subject, body) for subject, body, _ in stream.stored]), state


async def until_full(ferry):
    for more in range(1000):
        try:
            await ferry.series("g", "s", "x" * 1000)
        except SpoolFullError:
            return more
    raise AssertionError("the spool has no bound")


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path):
    for _ in range(3):
        spool = tmp_path / "spool.db"
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER, str(spool)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(SUPPORT)},
        )
        assert child.stdout
        written = 0
        while written < 300:
            written = int(await child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = await child.stdout.read()
        await child.wait()
        written = int(rest.split()[-1]) if rest.split() else written
        found, _ = await drained(spool)
        for sensor in range(3):
            numbers = [int(value) for value in found[sensor_series("g", f"s{sensor}")]]
            assert numbers == list(range(sensor, sensor + 3 * len(numbers), 3))
            assert len(numbers) >= len(range(sensor, written, 3))


async def test_it_is_bounded_and_says_when_it_is_full_and_has_room_again(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "ferry.client")
    spool = tmp_path / "spool.db"
    stream = FakeStream(there=False)
    async with Ferry(stream=stream, spool=spool, spool_bytes=SMALL) as ferry:
        for _ in range(350):
            await ferry.series("g", "s", "x" * 1000)
        kept = 350 + await until_full(ferry)
        with pytest.raises(SpoolFullError, match="full") as error:
            await ferry.series("g", "s", "x" * 1000)
        assert not error.value.maybe_stored
        state = await ferry.spool_state()
        assert state.waiting == kept
        assert state.used_bytes <= state.max_bytes == SMALL
        assert "% full" in caplog.text
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) < SMALL + 3 * 1024 * 1024
        assert spool.stat().st_size <= SMALL
        stream.come_back()
        assert await ferry.flush(20)
        await ferry.series("g", "s", "after")
        assert await ferry.flush(20)
        assert (await ferry.spool_state()).waiting == 0
    assert len(values([(subject, body) for subject, body, _ in stream.stored])[SERIES]) == kept + 1


async def test_two_programs_do_not_share_one(tmp_path):
    async with Ferry(stream=FakeStream(there=False), spool=tmp_path / "spool.db", drain_s=0) as first:
        await first.series("g", "s", 1)
        with pytest.raises(SpoolError, match="locked"):
            async with Ferry(stream=FakeStream(), spool=tmp_path / "spool.db"):
                pass
    assert (await drained(tmp_path / "spool.db"))[0] == {SERIES: ["1"]}


@pytest.mark.parametrize("kind", ["text", "a database", "a folder", "no folder to be made"])
async def test_what_is_no_spool_is_left_as_it_is(tmp_path, kind):
    path = tmp_path / "spool.db"
    if kind == "text":
        path.write_text("not a database, but something precious" * 100)
    elif kind == "a database":
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE mine(x)")
        other.commit()
        other.close()
    elif kind == "a folder":
        path.mkdir()
    else:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "spool.db"
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(SpoolError, match=r"spool"):
        async with Ferry(stream=FakeStream(), spool=path):
            pass
    assert (path.read_bytes() if path.is_file() else b"") == before


async def test_a_right_that_lacks_holds_its_sensor_and_nobody_else(tmp_path):
    stream = FakeStream(denied={sensor_series("g", "denied")})
    async with Ferry(stream=stream, spool=tmp_path / "spool.db") as ferry:
        await ferry.series("g", "denied", 1)
        await ferry.series("g", "good", 1)
        while not stream.stored:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert (await ferry.spool_state()).waiting == 1
        assert "not permitted" in str(ferry.trouble)
        stream.denied.clear()
        assert await ferry.flush(10)
    assert values([(subject, body) for subject, body, _ in stream.stored]) == {
        sensor_series("g", "good"): ["1"],
        sensor_series("g", "denied"): ["1"],
    }


async def test_what_the_stream_never_takes_is_set_aside_and_counted(tmp_path):
    stream = FakeStream(max_message=300)
    async with Ferry(stream=stream, spool=tmp_path / "spool.db") as ferry:
        await ferry.series("g", "s", "x" * 400)
        assert await ferry.flush(10)
        await ferry.series("g", "s", "small")
        assert await ferry.flush(10)
        state = await ferry.spool_state()
    assert (state.waiting, state.refused) == (0, 1)
    assert values([(subject, body) for subject, body, _ in stream.stored]) == {SERIES: ["small"]}


async def test_statuses_and_traces_survive_in_the_spool(tmp_path):
    spool = tmp_path / "spool.db"
    async with Ferry(stream=FakeStream(there=False), spool=spool, drain_s=0) as ferry:
        await ferry.status("g", "on", valid_s=60)
        await ferry.status("g", "off")
    stream = FakeStream()
    await drained(spool, stream)
    assert [json.loads(body) for _, body, _ in stream.stored] == [
        {"value": "on", "validDuration": 60},
        {"value": "off"},
    ]


async def test_a_long_backlog_leaves_in_few_messages_and_in_order(tmp_path):
    spool = tmp_path / "spool.db"
    async with Ferry(stream=FakeStream(there=False), spool=spool, drain_s=0) as ferry:
        await ferry.bulk(("g", f"s{n % 5}", n, n) for n in range(20_000))
    stream = FakeStream()
    found, _ = await drained(spool, stream)
    for sensor in range(5):
        assert first_of_each(found[sensor_series("g", f"s{sensor}")]) == [
            str(n) for n in range(sensor, 20_000, 5)
        ]
    assert len(stream.stored) < 60
