"""A sensor's end: forgotten by the cloud, given up here, and claimed again after either."""

import asyncio

import certificates
import pytest

from ferry.contract import subjects
from ferry.contract.otosense import ForgetSensor, ForgottenSensor, GetSensor, Sensor
from ferry.contract.problems import ProblemError
from ferry.runtime.requests import ask
from harness.processes import eventually

SENSOR = "0000S111A"


@pytest.fixture
def show(nats_client):
    async def asked(sensor_id=SENSOR):
        return await ask(nats_client, subjects.OTOSENSE_SENSORS_GET, GetSensor(sensor_id=sensor_id), Sensor)

    return asked


@pytest.fixture
def forget(nats_client):
    async def asked(sensor_id=SENSOR):
        request = ForgetSensor(sensor_id=sensor_id)
        return await ask(nats_client, subjects.OTOSENSE_SENSORS_FORGET, request, ForgottenSensor)

    return asked


@pytest.fixture
def connected(show, sandbox, provision):
    async def claimed(pem):
        await sandbox.post(f"/admin/sensors/{SENSOR}/connect", {"delay_s": 0})
        await provision(pem)

        async def is_connected():
            return (await show()).stage == "connected"

        await eventually(is_connected, what="the sensor connected")

    return claimed


async def test_one_that_the_cloud_has_no_more_is_claimed_again(
    auth, start, provision, posts, sandbox, told, connected
):
    """It kept saying "connected" without a call."""
    pem = certificates.chain(SENSOR)
    async with start(speed=20):
        await connected(pem)
        await sandbox.post("/admin/reset")
        again = await provision(pem)
        assert (again.stage, again.last_connected) == ("waiting", None)
        assert await posts() == 1
        assert [one["sensorId"] for one in await told("provisioned")] == [SENSOR, SENSOR]
        assert [step.what for step in again.story] == ["claimed", "connected", "claimed"]


async def test_one_that_is_connected_is_asked_about_and_answered_as_it_is(
    auth, start, provision, posts, told, connected
):
    pem = certificates.chain(SENSOR)
    async with start(speed=20):
        await connected(pem)
        again = await provision(pem)
        assert again.stage == "connected"
        assert again.last_connected
        assert await posts() == 1
        assert len(await told("provisioned")) == 1
        assert len(await told("connected")) == 1


async def test_while_the_cloud_cannot_be_asked_it_says_so(auth, start, provision, sandbox, connected):
    pem = certificates.chain(SENSOR)
    async with start(speed=20):
        await connected(pem)
        await sandbox.fault(match={"path": "/sensors/*"}, kind="status", status=503)
        with pytest.raises(ProblemError, match=r"busy|no usable answer"):
            await provision(pem)


async def test_the_cloud_having_forgotten_one_is_noticed_and_told_once(
    auth, start, provision, sandbox, told, show, connected
):
    async with start(speed=20, check_s=1):
        await connected(certificates.chain(SENSOR))
        await asyncio.sleep(1.5)  # it is checked and found there
        assert (await show()).stage == "connected"
        await sandbox.post("/admin/reset")

        async def released():
            return (await show()).stage == "released"

        await eventually(released, within_s=15, what="a released sensor")
        await eventually(lambda: told("released"), what="the event")
        await asyncio.sleep(1.5)
        assert len(await told("released")) == 1
        assert "provision it again" in (await show()).next_step
        assert (await provision(certificates.chain("0000S222B"))).stage == "waiting"


async def test_a_proxys_404_is_no_release(auth, start, sandbox, show, connected):
    async with start(speed=20, check_s=1):
        await connected(certificates.chain(SENSOR))
        await sandbox.fault(
            match={"path": "/sensors/*"}, kind="status", status=404, body="<html>no such page</html>"
        )
        await asyncio.sleep(4)
        assert (await show()).stage == "connected"


async def test_one_that_was_silent_and_connects_after_all_is_noticed(
    auth, start, provision, sandbox, told, show
):
    await sandbox.post(f"/admin/sensors/{SENSOR}/connect", {"delay_s": 3600})
    async with start(speed=2000, check_s=1):
        await provision(certificates.chain(SENSOR))

        async def silent():
            return (await show()).stage == "silent"

        await eventually(silent, within_s=15, what="a silent sensor")
        await sandbox.post(f"/admin/sensors/{SENSOR}/connect", {"delay_s": 0})

        async def is_connected():
            return (await show()).stage == "connected"

        await eventually(is_connected, within_s=15, what="the sensor connected")
        await eventually(lambda: told("connected"), what="the event")


async def test_one_that_is_never_at_the_cloud_ends_as_released(auth, start, provision, sandbox, told, show):
    async with start(speed=2000):
        await sandbox.fault(match={"method": "GET", "path": "/sensors/*"}, kind="status", status=404)
        await provision(certificates.chain(SENSOR))

        async def released():
            return (await show()).stage == "released"

        await eventually(released, within_s=15, what="a released sensor")
        await eventually(lambda: told("released"), what="the event")


async def test_one_that_is_given_up_is_gone_here_and_can_be_claimed_again(
    auth, start, provision, forget, told, show, nats_client, posts
):
    pem = certificates.chain(SENSOR)
    async with start():
        await provision(pem)
        assert await forget() == ForgottenSensor(sensor_id=SENSOR, stage="waiting")
        with pytest.raises(ProblemError, match="claimed no sensor"):
            await show()
        with pytest.raises(ProblemError, match="claimed no sensor"):
            await forget()
        assert [one["sensorId"] for one in await told("forgotten")] == [SENSOR]
        assert (await provision(pem)).stage == "waiting"
        assert await posts() == 2


async def test_one_whose_record_cannot_be_read_is_given_up_too(
    auth, start, forget, show, nats_client, provision
):
    await nats_client.jetstream().publish(f"$KV.ferry-otosense.sensors.{SENSOR}", b"forged")
    async with start():
        assert await forget() == ForgottenSensor(sensor_id=SENSOR)
        with pytest.raises(ProblemError, match="claimed no sensor"):
            await show()
        assert (await provision(certificates.chain(SENSOR))).stage == "waiting"


async def test_another_certificate_after_it_was_given_up_is_the_clouds_to_judge(
    auth, start, provision, forget, sandbox
):
    async with start():
        await provision(certificates.chain(SENSOR))
        await forget()
        with pytest.raises(ProblemError, match="with another certificate"):
            await provision(certificates.chain(SENSOR))
        await sandbox.post("/admin/reset")
        assert (await provision(certificates.chain(SENSOR))).stage == "waiting"
