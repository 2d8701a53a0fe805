"""Counts dead letters that match a filter: from the stream's own counts, or one by one if times are filtered."""

import json
import time

from nats.aio.client import Client

from ferry.contract import topology
from ferry.contract.telemetry import DeadCount, DeadFilter
from ferry.telemetry.dead_letters.store import DeadLetters, subjects_of

STREAM = topology.DEAD.name
REASON = 3
"""The token of a dead letter's subject that has its reason."""
LOOK_S = 5.0


class DeadLetterCounts:
    def __init__(self, client: Client, letters: DeadLetters) -> None:
        self._client = client
        self._letters = letters

    async def count(self, wanted: DeadFilter) -> DeadCount:
        """`after` counts too; `limit` does not."""
        if wanted.since is None and wanted.until is None and not wanted.after:
            return await self._by_subjects(wanted)
        return await self._one_by_one(wanted)

    async def _by_subjects(self, wanted: DeadFilter) -> DeadCount:
        by_reason: dict[str, int] = {}
        offset = 0
        while True:
            request = json.dumps({"subjects_filter": subjects_of(wanted), "offset": offset}).encode()
            answer = await self._client.request(f"$JS.API.STREAM.INFO.{STREAM}", request, timeout=5)
            info = json.loads(answer.data)
            page = info.get("state", {}).get("subjects") or {}
            for name, number in page.items():
                reason = name.split(".")[REASON]
                by_reason[reason] = by_reason.get(reason, 0) + number
            offset += len(page)
            if not page or offset >= info.get("total", 0):
                return DeadCount(total=sum(by_reason.values()), by_reason=by_reason)

    async def _one_by_one(self, wanted: DeadFilter) -> DeadCount:
        by_reason: dict[str, int] = {}
        ends = time.monotonic() + LOOK_S
        async for letter, matches in self._letters.scanned(wanted):
            if matches:
                by_reason[letter.reason] = by_reason.get(letter.reason, 0) + 1
            if time.monotonic() >= ends:
                return DeadCount(total=sum(by_reason.values()), by_reason=by_reason, complete=False)
        return DeadCount(total=sum(by_reason.values()), by_reason=by_reason)
