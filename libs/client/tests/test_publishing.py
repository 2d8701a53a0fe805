"""The library against nats-server with production's permissions, as a program uses it."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_stream import first_of_each, values
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from publishing_rates import middle, rates
from pydantic import SecretStr

from ferry.client import (
    CredentialsRefusedError,
    Ferry,
    FerryError,
    NatsSettings,
    NotConnectedError,
    SettingsError,
)
from ferry.client.sync import Ferry as SyncFerry
from ferry.contract import topology
from ferry.contract.subjects import sensor_series
from harness.bus import bus as a_bus
from harness.processes import free_port

CYCLES = 10
SENSORS = [f"s{number}" for number in range(8)]
PROGRAM = """
import asyncio, itertools, sys
from ferry.client import Ferry

async def main():
    async with Ferry(spool=sys.argv[1]) as ferry:
        for number in itertools.count(int(sys.argv[2])):
            await asyncio.gather(*(ferry.series("gateway-0", f"s{n}", number) for n in range(4)))
            print(number, flush=True)
            await asyncio.sleep(0.002)

asyncio.run(main())
"""


def plant(bus, **changes):
    seed = (bus.folder / "secrets" / "plant" / "FERRY_NATS__NKEY_SEED").read_text()
    settings = NatsSettings(url=bus.url, nkey_seed=SecretStr(seed), inbox_prefix="_INBOX_plant")
    return settings.model_copy(update=changes)


async def stored(bus):
    client = await bus.connect()
    jetstream = client.jetstream(timeout=10)
    last = (await jetstream.stream_info(topology.READINGS.name)).state.last_seq
    found = []
    for number in range(1, last + 1):
        one = await jetstream.get_msg(topology.READINGS.name, number, direct=True)
        found.append((topology.strip_partition(str(one.subject)), one.data))
    await client.close()
    return found


async def kill_and_restart(bus, times, pause_s=0.3):
    for _ in range(times):
        await asyncio.sleep(pause_s)
        await bus.process.kill()
        await asyncio.sleep(pause_s / 2)
        await bus.restart()
    await asyncio.sleep(pause_s)


def in_order(found, sensor):
    return [int(value) for value in first_of_each(values(found)[sensor_series("gateway-0", sensor)])]


async def test_ten_restarts_of_the_bus_under_load_lose_nothing_and_keep_the_order(bus):
    confirmed: dict[str, list[int]] = {sensor: [] for sensor in SENSORS}
    stop = asyncio.Event()

    longest_s = 0.0

    async def publish(ferry, sensor):
        nonlocal longest_s
        for number in itertools.count():
            if stop.is_set():
                return
            begun = time.monotonic()
            await ferry.series("gateway-0", sensor, number)
            longest_s = max(longest_s, time.monotonic() - begun)
            confirmed[sensor].append(number)

    async with Ferry(plant(bus)) as ferry:
        load = [asyncio.create_task(publish(ferry, sensor)) for sensor in SENSORS]
        await kill_and_restart(bus, CYCLES)
        stop.set()
        await asyncio.gather(*load)
    found = await stored(bus)
    for sensor in SENSORS:
        assert len(confirmed[sensor]) > CYCLES
        assert in_order(found, sensor) == confirmed[sensor]
    acknowledged = sum(map(len, confirmed.values()))
    twice = len(found) - len(set(found))
    print(f"{acknowledged} acknowledged, 0 lost, {twice} stored twice, the longest call {longest_s:.1f} s")


@pytest.mark.alone
async def test_bulk_goes_on_through_restarts(bus):
    def rows():
        for number in range(60_000):
            yield ("gateway-0", SENSORS[number % 8], number, number)

    async with Ferry(plant(bus)) as ferry:
        bulk = asyncio.create_task(ferry.bulk(rows()))
        await kill_and_restart(bus, 3, 0.2)
        assert (await bulk).readings == 60_000
    found = await stored(bus)
    for index, sensor in enumerate(SENSORS):
        assert in_order(found, sensor) == list(range(index, 60_000, 8))


async def test_the_program_is_killed_too_and_nothing_spooled_is_lost(bus, tmp_path):
    """Each round ends the program by kill -9, and every other one the bus; a last run sends what is left."""
    spool, started = tmp_path / "spool.db", 0
    env = {
        **os.environ,
        "FERRY_NATS__URL": bus.url,
        "FERRY_SECRETS_DIR": str(bus.folder / "secrets" / "plant"),
    }
    for round_ in range(CYCLES):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, str(spool), str(started)),
            stdout=asyncio.subprocess.PIPE,
            env=env,
        )
        assert child.stdout
        last = await child.stdout.readline()
        assert last
        await asyncio.sleep(0.3)
        if round_ % 2:
            await bus.process.kill()
            await asyncio.sleep(0.3)
        child.send_signal(signal.SIGKILL)
        rest = (await child.stdout.read()).split()
        await child.wait()
        started = int(rest[-1] if rest else last) + 1000
        if round_ % 2:
            await bus.restart()
    async with Ferry(plant(bus), spool=spool) as ferry:
        assert await ferry.flush(30)
    found = await stored(bus)
    for sensor in SENSORS[:4]:
        numbers = in_order(found, sensor)
        assert numbers == sorted(numbers)
        rounds = [
            list(group) for _, group in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
        ]
        assert len(rounds) == CYCLES  # each round's numbers without a gap
    messages = [body for subject, body in found if subject == sensor_series("gateway-0", "s0")]
    assert len(messages) - len(set(messages)) <= CYCLES  # one may be under way when the program dies


@pytest.mark.alone
async def test_bulk_is_at_least_five_times_as_fast_as_awaiting_each(bus):
    """With one reading a sensor each reading is a message: there the processor is the bound, which neighbours share."""
    found = {name: middle(turned) for name, turned in (await rates(bus, 3)).items()}
    print({name: f"{rate.per_s:,.0f}/s {rate.cpu_us:.1f} µs" for name, rate in found.items()})
    assert found["bulk"].per_s > 5 * found["nats_py"].per_s
    assert found["bulk_of_many_sensors"].cpu_us < found["nats_py"].cpu_us / 2


async def test_a_bus_that_is_away_at_the_start_is_an_error_without_a_spool_and_none_with_one(tmp_path):
    away = NatsSettings(url=f"nats://127.0.0.1:{free_port()}")
    with pytest.raises(NotConnectedError, match="no connection to NATS"):
        async with Ferry(away):
            pass
    async with Ferry(away, spool=tmp_path / "spool.db", drain_s=0) as ferry:
        assert (await ferry.series("g", "s", 1)).where == "spool"
        assert not ferry.connected


async def test_who_comes_early_with_a_spool_publishes_when_the_bus_is_there(tmp_path):
    async with a_bus(tmp_path / "bus") as bus:
        await bus.lay()
        await bus.process.kill()
        async with Ferry(plant(bus), spool=tmp_path / "spool.db") as ferry:
            await ferry.series("gateway-0", "s", 1)
            await bus.restart()
            assert await ferry.flush(15)
        assert values(await stored(bus)) == {sensor_series("gateway-0", "s"): ["1"]}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"nkey_seed": SecretStr("SUAWRONG")}, SettingsError, "nkey seed is not one"),
        (
            {"nkey_seed": SecretStr("SUAMK2FG4MI6UE3ACF3FK3OIQBCEIEZV7NSWFFEW63UXMRLFM2XLAXK4GY")},
            CredentialsRefusedError,
            "refuses",
        ),
        (
            {"nkey_seed": None, "user": "operator", "password": SecretStr("wrong")},
            CredentialsRefusedError,
            "refuses",
        ),
        ({"tls_ca_file": Path("/nowhere/ca.crt")}, SettingsError, "CA file"),
        ({"tls_ca_file": Path(__file__)}, SettingsError, "holds no certificate"),
        ({"credentials_file": Path("/nowhere/x.creds")}, SettingsError, "cannot be read"),
        ({"credentials_file": Path(__file__)}, SettingsError, "is not a credentials file"),
        ({"url": "http://["}, FerryError, r"server's URL|no connection"),
        ({"url": "nats://127.0.0.1:99999"}, FerryError, r"server's URL|no connection"),
        ({"url": ""}, SettingsError, "URL is empty"),
        ({"url": "nats://no-such-host.invalid:4222"}, NotConnectedError, "no connection"),
    ],
)
async def test_each_way_not_to_connect_has_its_own_words(bus, changes, error, words):
    async with asyncio.timeout(8):
        with pytest.raises(error, match=words) as raised:
            async with Ferry(plant(bus, **changes)):
                pass
    assert "SUAWRONG" not in str(raised.value)
    assert "wrong" not in str(raised.value).replace("SUAWRONG", "")


async def test_a_wrong_inbox_prefix_is_said_at_once(tmp_path):
    async with a_bus(tmp_path / "bus") as bus:
        await bus.lay()
        async with Ferry(plant(bus, inbox_prefix="_INBOX_other"), timeout_s=3) as ferry, asyncio.timeout(2):
            with pytest.raises(FerryError, match="may not subscribe to"):
                await ferry.series("gateway-0", "s", 1)


async def test_the_callers_trace_goes_along(bus):
    tracer = TracerProvider().get_tracer("test")
    async with Ferry(plant(bus)) as ferry:
        with tracer.start_as_current_span("measuring") as span:
            await ferry.series("gateway-0", "s", 1)
            wanted = trace.format_trace_id(span.get_span_context().trace_id)
        await ferry.series("gateway-0", "s", 2)
    client = await bus.connect()
    first, second = [await client.jetstream().get_msg(topology.READINGS.name, n) for n in (1, 2)]
    await client.close()
    assert wanted in first.headers["traceparent"]
    assert "traceparent" not in (second.headers or {})


async def test_the_synchronous_facade_does_the_same(bus, tmp_path):
    def program():
        with SyncFerry(plant(bus)) as ferry:
            assert ferry.series("gateway-0", "s", 1, 1000).where == "bus"
            assert ferry.status("gateway-0", "on").sequence == 2
            assert ferry.bulk([("s", 2, 2000), ("s", 3, 3000)], gateway="gateway-0").readings == 2
            assert ferry.flush()
            with pytest.raises(ValueError, match="row 1"):
                ferry.bulk([("a b", 1)], gateway="gateway-0")
        with SyncFerry(plant(bus), spool=tmp_path / "spool.db") as ferry:
            assert ferry.series("gateway-0", "s", 4, 4000).where == "spool"
            assert ferry.spool_state() is not None
        with pytest.raises(RuntimeError, match="with Ferry"):
            SyncFerry(plant(bus)).series("gateway-0", "s", 1)

    await asyncio.to_thread(program)
    found = values([(subject, body) for subject, body in await stored(bus) if subject.endswith("series")])
    assert found == {sensor_series("gateway-0", "s"): ["1", "2", "3", "4"]}


def test_the_library_needs_nats_py_and_pydantic_only():
    """In a process that can import nothing else of what is installed here."""
    program = """
import sys
import time
allowed = {"ferry", "nats", "nkeys", "nacl", "cffi", "_cffi_backend", "pycparser",
           "pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"}
class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in allowed or top.startswith(("__editable__", "_sysconfigdata")):
            return None
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Only())
import ferry.client, ferry.client.sync
print(sorted({name.partition(".")[0] for name in sys.modules} & {"click", "rich", "yaml", "opentelemetry"}))
from ferry.client.command import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
    assert (
        done.stderr.strip()
        == "ferry: click is not installed; the command needs: pip install 'ferry-client[cli]'"
    )
    assert done.returncode == 1
