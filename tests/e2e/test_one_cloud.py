"""Either cloud alone is a complete configuration: the other one is off, says so, and nothing else minds."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from ferry.contract import subjects
from harness.processes import Process, eventually

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("auth", "registry", "telemetry", "otosense")
OWN = {"thingplus": ("registry", "telemetry"), "otosense": ("otosense",)}
ASKED = {
    "registry": subjects.REGISTRY_GATEWAYS_LIST,
    "telemetry": subjects.TELEMETRY_STATE_GET,
    "otosense": subjects.OTOSENSE_SENSORS_LIST,
}


def only(sandbox, cloud):
    """As compose files and templates write it: the other's settings are there and empty."""
    prefix = f"FERRY_{cloud.upper()}__"
    return {name: value if name.startswith(prefix) else "" for name, value in sandbox.cloud_env.items()}


@pytest.mark.parametrize("cloud", OWN)
async def test_every_service_is_ready_and_says_what_is_off(suite, nats_client, sandbox, cloud):
    env = only(sandbox, cloud)
    urls = {name: value for name, value in env.items() if name.endswith("__URL")}
    await asyncio.gather(*(suite.start(one, env if one == "auth" else urls) for one in SERVICES))
    for service, subject in ASKED.items():
        answer = await nats_client.request(subject, b"{}", timeout=5)
        if service in OWN[cloud]:
            assert not answer.headers, answer.data
        else:
            problem = json.loads(answer.data)
            assert (problem["status"], problem["type"]) == (503, "urn:ferry:problem:unconfigured")
            assert "cloud is configured" in problem["title"]
    answer = json.loads((await nats_client.request(subjects.AUTH_STATE_GET, b"{}", timeout=5)).data)
    states = {one["cloud"]: one["state"] for one in answer["clouds"]}
    other = next(one for one in OWN if one != cloud)
    assert states == {cloud: "ok", other: "unconfigured"}
    code, said = await suite.ferry("auth", "state")
    assert code == 0, said
    code, said = await suite.ferry("otosense", "list")
    assert code == (0 if cloud == "otosense" else 1), said
    assert ("no OtoSense cloud is configured" in said) == (cloud == "thingplus"), said
    for running in suite.running:
        assert await running.process.stop() == 0, running.process.text()


@pytest.mark.parametrize("cloud", OWN)
async def test_make_run_with_one_cloud_runs(sandbox, tmp_path, cloud):
    env = {**only(sandbox, cloud), "FERRY_LOG__LEVEL": "warning", "RUN_DIR": str(tmp_path / "run")}
    command = [sys.executable, str(ROOT / "scripts" / "suite.py")]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FERRY_")}
    log = tmp_path / "run.log"
    with log.open("wb") as out:
        child = await asyncio.create_subprocess_exec(
            *command, stdout=out, stderr=out, cwd=tmp_path, env={**kept, **env}, start_new_session=True
        )
    process = Process("run", log, child)
    try:

        async def ready():
            assert process.running, process.text()
            return "ready" in process.text()

        await eventually(ready, within_s=40, what="ready")
        await asyncio.sleep(1)
        assert process.running, process.text()
    finally:
        os.killpg(child.pid, signal.SIGINT)
        await asyncio.wait_for(child.wait(), 30)
    assert "Traceback" not in process.text()
