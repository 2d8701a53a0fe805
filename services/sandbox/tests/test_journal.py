"""State on disk: what a kill, a damaged file, a full disk and a second process make of it."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ferry.sandbox import fixtures
from ferry.sandbox.app import Sandbox
from ferry.sandbox.state.journal import HEADER, Journal
from ferry.sandbox.thingplus.fleet.entities import Device, Gateway, Sensor
from ferry.sandbox.thingplus.fleet.store import Store

LOADED = fixtures.load()


@contextmanager
def kept(folder: Path, rewrite_at: int = 10**9, most_points: int = 10**9) -> Iterator[tuple[Store, Journal]]:
    """A sandbox's store as an earlier one left it in the folder, and its journal."""
    sandbox = Sandbox(LOADED, store=Store(most_points))
    journal = Journal(folder, sandbox.state, rewrite_at, retry_s=0.0)
    sandbox.keep(journal)
    try:
        yield sandbox.state.store, journal
    finally:
        journal.close()


def fill(store: Store, name: str = "g") -> Sensor:
    gateway = Gateway(name, "demo", "n", "52", "1", "1", "300000", ctime=1, mtime=1)
    store.put_gateway(gateway)
    store.put_device(gateway, Device(f"{name}-d", name, "d", "open-api-device-v1.0", 1, 1))
    sensor = Sensor(
        id=f"{name}-s", owner=name, name="s", type="temperature", driver_name="openApiSensor",
        model="openApiTemp", category="sensor", device_id=f"{name}-d", ctime=1, mtime=1, value_kind="number",
    )  # fmt: skip
    store.put_sensor(gateway, sensor)
    return sensor


def points(store: Store, gateway: str = "g") -> list[tuple[int, object]]:
    series = store.gateways[gateway].sensors[f"{gateway}-s"].series
    return [] if series is None else list(zip(series.times, series.values, strict=True))


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_last_line_that_was_cut_is_dropped_and_the_rest_kept(tmp_path: Path, cut: int) -> None:
    with kept(tmp_path) as (store, journal):
        sensor = fill(store)
        store.add_points(sensor, [(1, "1")], 1, "series.sensor.x")
        store.add_points(sensor, [(2, "2")], 2, "series.sensor.x")
        path = journal.path
    os.truncate(path, path.stat().st_size - cut)
    with kept(tmp_path) as (store, journal):
        assert points(store) == [(1, "1")]
        assert journal.set_aside is None
        store.add_points(store.gateways["g"].sensors["g-s"], [(3, "3")], 3, "series.sensor.x")
    with kept(tmp_path) as (store, _):
        assert points(store) == [(1, "1"), (3, "3")]


@pytest.mark.parametrize("damage", [b"garbage\n", b"\xff\xfe\n", b'00000000 ["gateway",{}]\n', b"\n"])
def test_a_damaged_file_is_set_aside_and_said(
    tmp_path: Path, damage: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with kept(tmp_path) as (store, journal):
        store.add_points(fill(store), [(1, "1")], 1, "series.sensor.x")
        path = journal.path
    whole = path.read_bytes() + damage + b"more\n"
    path.write_bytes(whole)
    with kept(tmp_path) as (store, journal):
        assert points(store) == [(1, "1")]
        assert journal.set_aside is not None
        assert journal.set_aside.read_bytes() == whole
    said = capfd.readouterr().err
    assert f"the state in {path} cannot be read from line" in said
    with kept(tmp_path) as (store, journal):
        assert (points(store), journal.set_aside) == ([(1, "1")], None)


@pytest.mark.parametrize("content", [b"", b"something else\n", HEADER])
def test_a_file_without_a_state_starts_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.jsonl").write_bytes(content)
    with kept(tmp_path) as (store, journal):
        assert store.gateways == {}
        assert (journal.set_aside is None) is (content in {b"", HEADER})


def test_the_file_stays_bounded_while_points_are_forgotten(tmp_path: Path) -> None:
    with kept(tmp_path, 20_000, most_points=100) as (store, journal):
        sensor = fill(store)
        for time in range(2_000):
            store.add_points(sensor, [(time, "1")], time, "series.sensor.x")
            assert journal.path.stat().st_size < 25_000
    with kept(tmp_path, most_points=100) as (store, _):
        kept_points = points(store)
        assert 50 <= len(kept_points) <= 101
        assert kept_points[-1] == (1_999, "1")
        assert store.points == 2_000


def test_a_folder_is_one_sandboxes(tmp_path: Path) -> None:
    with kept(tmp_path), pytest.raises(ValueError, match="another sandbox keeps its state"):
        Journal(tmp_path, Sandbox(LOADED).state)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """It has tokens in it."""
    with kept(tmp_path) as (_, journal):
        assert journal.path.stat().st_mode & 0o077 == 0


def test_a_full_disk_is_said_once_and_ends_when_there_is_room(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with kept(tmp_path) as (store, journal):
            sensor = fill(store)
            resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path.stat().st_size + 10, hard))
            for time in range(5):
                store.add_points(sensor, [(time, "1")], time, "series.sensor.x")
            problems = [journal.problem]
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            store.add_points(sensor, [(5, "1")], 5, "series.sensor.x")
            problems.append(journal.problem)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert [problem is None for problem in problems] == [False, True]
    said = capfd.readouterr().err
    assert (said.count("no longer kept"), said.count("kept in") - said.count("no longer kept")) == (1, 1)
    with kept(tmp_path) as (store, _):
        assert [time for time, _ in points(store)] == list(range(6))
