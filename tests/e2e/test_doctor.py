"""`ferry doctor` on real services: all well, then much wrong at once, then without rights, then without a bus."""

import asyncio
import json

from harness.bus import bus as a_bus
from harness.nats_config import password
from harness.processes import Process, eventually
from harness.sandbox import sandbox as a_sandbox
from harness.services import FERRY, Suite

SERVICES = ("auth", "registry", "telemetry", "otosense")


async def examined(suite, **env):
    """Exit code and findings by check, of the operator or of whom `env` names."""
    number = len(list(suite.folder.glob("doctor-*")))
    process = await Process.start(
        f"doctor-{number}",
        [str(FERRY), "doctor", "--json"],
        suite.folder,
        {**suite.bus.env("operator"), **env},
    )
    code = await asyncio.wait_for(process.child.wait(), 25)
    assert "Traceback" not in process.text()
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(process.text()):
        found.setdefault(one["check"], []).append(one)
    return code, found


def states(found, check):
    return [one["state"] for one in found[check]]


async def test_what_is_wrong_is_found(tmp_path):
    async with a_bus(tmp_path / "bus") as bus, a_sandbox(tmp_path / "sandbox") as sandbox:
        await bus.lay()
        suite = Suite(bus, sandbox, tmp_path / "services")
        try:
            await asyncio.gather(*(suite.start(service) for service in SERVICES))
            code, found = await examined(suite)
            assert {one["state"] for each in found.values() for one in each} == {"ok"}, found
            assert (code, bus.denials()) == (0, [])
            await much_goes_wrong(suite)
            await without_rights(suite)
            await bus.process.kill()
            code, found = await examined(suite)
            assert (code, states(found, "bus")) == (1, ["wrong"])
        finally:
            await suite.stop()


async def much_goes_wrong(suite):
    for running in suite.running:  # in the order in which they came to run
        if running.process.name.startswith(("auth", "telemetry")):
            await running.process.kill()
    harness = await suite.bus.connect()
    await harness.jetstream().delete_stream("FERRY_EVENTS")
    await harness.close()

    async def all_of_it():
        code, found = await examined(suite)
        gone = [one["what"] for one in found["services"] if one["state"] == "wrong"]
        return code == 1 and sorted(gone) == ["auth does not answer", "telemetry does not answer"] and found

    found = await eventually(all_of_it, within_s=30, what="all that is wrong")
    assert isinstance(found, dict)
    assert states(found, "tokens") == states(found, "leases") == ["wrong"]
    assert [one["what"] for one in found["streams"]] == ["FERRY_EVENTS is missing"]
    assert states(found, "account") == ["ok"]
    code, said = await suite.ferry("status", within_s=15)
    assert (code, said.count("does not answer"), "Traceback" in said) == (1, 2, False), said


async def without_rights(suite):
    """Nothing that a user may not see is called wrong, and the missing right is named."""
    user = {"FERRY_NATS__USER": "auth", "FERRY_NATS__PASSWORD": password("auth")}
    code, found = await examined(suite, **user)
    unchecked = [one for each in found.values() for one in each if one["what"].startswith("not checked")]
    assert "$SYS.REQ.USER.INFO" in str(unchecked)
    assert {one["state"] for one in unchecked} == {"warning"}
    assert code in {0, 1}
    code, found = await examined(suite, FERRY_NATS__PASSWORD="wrong")
    assert (code, states(found, "bus")) == (1, ["wrong"])
    assert "refuses these credentials" in found["bus"][0]["what"]
    code, found = await examined(suite, FERRY_NATS__INBOX_PREFIX="_INBOX_other")
    assert (code, states(found, "account")) == (1, ["wrong"])
