"""A sensor is claimed: quickly, safely repeated, found again; each refusal says what it is."""

import time

import certificates
import pytest

from ferry.contract.problems import ProblemError
from harness.processes import eventually

SENSOR = "0000S111A"


async def test_the_first_request_after_start_takes_under_a_second(auth, start, provision, told):
    async with start():
        began = time.monotonic()
        sensor = await provision(certificates.chain(SENSOR))
        assert time.monotonic() - began < 1
        assert (sensor.sensor_id, sensor.provisioned_by, sensor.stage) == (SENSOR, "demo-client", "waiting")
        assert sensor.provisioned.endswith("Z")
        assert "20 minutes" in sensor.next_step
        assert [one["sensorId"] for one in await told("provisioned")] == [SENSOR]


async def test_the_same_certificate_again_is_the_same_answer_and_no_call(auth, start, provision, posts):
    pem = certificates.chain(SENSOR)
    async with start():
        first = await provision(pem)
        again = await provision(pem)
        assert (again.sensor_id, again.provisioned) == (first.sensor_id, first.provisioned)
        assert await posts() == 1


@pytest.mark.parametrize("kind", ["reset_after", "malformed"])
async def test_an_ambiguous_failure_is_looked_at_before_anything_is_posted_again(
    auth, start, provision, posts, sandbox, kind
):
    async with start():
        await sandbox.fault(match={"method": "POST", "path": "/sensors"}, kind=kind, for_requests=1)
        assert (await provision(certificates.chain(SENSOR))).sensor_id == SENSOR
        assert await posts() == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429, "retry_after": "1"},
        {"kind": "status", "status": 401},
        {"kind": "blackhole"},
        {"kind": "reset_before"},
    ],
    ids=lambda fault: f"{fault['kind']}{fault.get('status', '')}",
)
async def test_one_passing_failure_is_got_over(auth, start, provision, sandbox, fault):
    async with start(timeout_s=1):
        await sandbox.fault(match={"method": "POST", "path": "/sensors"}, for_requests=1, **fault)
        assert (await provision(certificates.chain(SENSOR))).sensor_id == SENSOR


async def test_a_claim_whose_answer_was_lost_with_us_is_taken_up_at_the_next_start(
    auth, start, provision, posts, sandbox, told
):
    async with start():
        await sandbox.fault(match={"method": "POST", "path": "/sensors"}, kind="reset_after")
        await sandbox.fault(match={"method": "GET", "path": "/sensors/*"}, kind="status", status=503)
        with pytest.raises(ProblemError, match=r"no usable answer|busy"):
            await provision(certificates.chain(SENSOR))
    await sandbox.heal()
    before = await posts()
    async with start():

        async def recovered() -> bool:
            return [one["sensorId"] for one in await told("provisioned")] == [SENSOR]

        await eventually(recovered, what="the claim taken up")
    assert await posts() == before


async def test_another_tenants_sensor_and_another_certificate_are_clear_errors(
    auth, start, provision, sandbox
):
    async with start():
        await provision(certificates.chain(SENSOR))
        with pytest.raises(ProblemError, match="with another certificate"):
            await provision(certificates.chain(SENSOR))
        await sandbox.fault(match={"method": "POST", "path": "/sensors"}, kind="status", status=409)
        with pytest.raises(ProblemError, match="by another tenant"):
            await provision(certificates.chain("0000S222B"))


@pytest.mark.parametrize("body", [{"sensorId": "0000.S111A"}, {"provisioned": "2020-08-18T18:43:35.713Z"}])
async def test_a_claim_whose_id_cannot_be_used_is_told_as_a_claim(auth, start, provision, sandbox, body):
    async with start():
        await sandbox.fault(
            match={"method": "POST", "path": "/sensors"}, kind="status", status=200, body=body
        )
        with pytest.raises(ProblemError, match="OtoSense has claimed the sensor") as claimed:
            await provision(certificates.chain(SENSOR))
    assert "do not send it again" in str(claimed.value.problem.hint)


async def test_a_bad_certificate_reaches_no_cloud(auth, start, provision, posts):
    async with start():
        with pytest.raises(ProblemError, match="no PEM certificate"):
            await provision("rubbish")
        with pytest.raises(ProblemError, match="more than"):
            await provision("x" * 500_000)
        assert await posts() == 0
