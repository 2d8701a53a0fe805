import logging

import pytest
import structlog

from ferry.runtime import logs
from ferry.runtime.settings import LogSettings


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
