"""The alerts ask for metrics that the services really have."""

import re
from pathlib import Path

import httpx

ALERTS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "alerts.yml"


async def test_every_metric_of_an_alert_is_there(suite):
    named = set(re.findall(r"ferry_\w+", "".join(re.findall(r"expr: (.*)", ALERTS.read_text()))))
    assert len(named) > 3
    async with httpx.AsyncClient() as client:
        pages = [
            (await client.get(f"{(await suite.start(name)).health}/metrics")).text
            for name in ("auth", "telemetry")
        ]
    there = set(re.findall(r"^(ferry_\w+)", "\n".join(pages), re.MULTILINE))
    assert named - there == set()
