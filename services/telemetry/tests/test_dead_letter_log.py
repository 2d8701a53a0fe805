"""A flood of dead letters does not flood the log."""

import asyncio

from structlog.testing import capture_logs

from ferry.contract.dead import Reason
from ferry.telemetry.dead_letters.log import LINES_A_MINUTE, DeadLetterLog
from ferry.telemetry.stream.delivery import Cause
from memory.loop import VirtualLoop, run_virtually


def test_a_flood_is_a_few_lines_and_a_summary_a_minute():
    async def main(_: VirtualLoop) -> None:
        log = DeadLetterLog()
        for _number in range(5000):
            log.note(Cause(Reason.INVALID_BODY, "no"), "g", "\x1b[31m")
        log.note(Cause(Reason.REFUSED, "no", 400), "g", "s")
        await asyncio.sleep(61)
        log.note(Cause(Reason.INVALID_BODY, "no"), "g", "s")

    with capture_logs() as lines:
        run_virtually(main)
    assert len(lines) == LINES_A_MINUTE + 3
    assert lines[-2] == {
        "event": "dead_letters.more",
        "log_level": "warning",
        "invalid_body": 5000 - LINES_A_MINUTE,
    }
    assert all("\x1b" not in str(line) for line in lines)
