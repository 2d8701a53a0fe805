"""scripts/make_publisher.py ends in words, not in a traceback, and leaves nothing half made."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_publisher.py"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "publishers").mkdir()
    (tmp_path / "publishers" / "index.conf").touch()
    return tmp_path


def make(folder, *more):
    places = ("--publishers", str(folder / "publishers"), "--secrets", str(folder / "secrets"))
    command = [sys.executable, str(SCRIPT), "carol", "plant-7", *places, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_a_publisher_is_made_once(folder):
    assert make(folder).returncode == 0
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    again = make(folder)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("kept", ["FERRY_NATS__NKEY_SEED", "MQTT_PASSWORD"])
def test_a_secret_that_is_there_is_not_overwritten(folder, kept):
    (folder / "secrets").mkdir()
    (folder / "secrets" / kept).write_text("old")
    done = make(folder, "--mqtt")
    assert (done.returncode, "is there already" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr
    assert (folder / "secrets" / kept).read_text() == "old"
    assert not (folder / "publishers" / "carol.conf").exists()


def test_a_wrong_folder_is_said(folder):
    (folder / "publishers" / "index.conf").unlink()
    done = make(folder)
    assert (done.returncode, "has no index.conf" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


def test_secrets_that_cannot_be_written_are_said(folder):
    (folder / "secrets").write_text("a file")
    done = make(folder)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not (folder / "publishers" / "carol.conf").exists()
