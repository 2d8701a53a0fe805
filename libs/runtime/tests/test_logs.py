import json
import logging
import threading
from collections import Counter

import pytest
import structlog

from ferry.runtime import logs, repeats
from ferry.runtime.settings import LogSettings
from harness.processes import eventually


@pytest.fixture(autouse=True)
def put_back():
    root = logging.getLogger()
    handlers, level, kept = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**kept)
    structlog.contextvars.clear_contextvars()


def fail_with(ending: str) -> None:
    password = f"can{ending}"
    raise RuntimeError(str(len(password)))


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variable(log_format, capfd):
    logs.configure("test", LogSettings(format=log_format))
    try:
        fail_with("ary")
    except RuntimeError as error:
        structlog.get_logger("test").error("task.failed", exc_info=error)
    said = capfd.readouterr().err
    assert "RuntimeError" in said
    assert "canary" not in said


def said_of(capfd):
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


async def test_a_line_that_repeats_is_counted_instead(capfd, monkeypatch):
    monkeypatch.setattr(repeats, "MINUTE_S", 0.5)
    logs.configure("test", LogSettings())
    for _ in range(500):
        structlog.get_logger("test").warning("sign_in.refused", address="192.0.2.1")
        logging.getLogger("library").error("cannot reach %s", "collector")
    structlog.get_logger("test").warning("dead_letter", reason="refused")
    structlog.get_logger("test").warning("dead_letter", reason="invalid_body")
    found = []

    async def summarized():
        found.extend(said_of(capfd))
        return any(line["event"] == "log.left_out" for line in found)

    await eventually(summarized, what="the summary")
    counts = Counter(line["event"] for line in found)
    assert 20 <= counts["sign_in.refused"] <= 25
    assert 20 <= counts["cannot reach collector"] <= 25
    assert counts["dead_letter"] == 2
    (summary,) = [line for line in found if line["event"] == "log.left_out"]
    assert summary["lines"]["sign_in.refused"] + counts["sign_in.refused"] == 500


def test_what_repeats_for_a_day_is_a_line_a_minute(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    lines = repeats.Repeats()
    record = logging.LogRecord("x", logging.ERROR, "", 0, {"event": "fetch.failed"}, None, None)
    passed = 0
    for _ in range(24 * 3600):
        now[0] += 1
        passed += lines.filter(record)
    assert passed <= 24 * 60 + repeats.AT_ONCE


def test_debug_lines_are_all_there(capfd):
    logs.configure("test", LogSettings(level="debug"))
    for _ in range(100):
        structlog.get_logger("test").debug("pull.began")
    assert len(said_of(capfd)) == 100


def test_a_thread_without_a_loop_may_log_as_well(capfd):
    logs.configure("test", LogSettings())

    def complain():
        for _ in range(100):
            logging.getLogger("x").error("no")

    thread = threading.Thread(target=complain)
    thread.start()
    thread.join()
    assert len(said_of(capfd)) == 20
