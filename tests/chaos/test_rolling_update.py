"""Every service is replaced, one after another, while readings flow and people ask: nothing lost, nobody refused."""

import asyncio
import signal

import certificates

from chaos.arena import QUICK, arena
from ferry.contract import auth, otosense, registry, subjects, telemetry
from ferry.contract.problems import ProblemError
from ferry.runtime.requests import ask
from harness.processes import eventually

SERVICES = ("auth", "registry", "otosense", "telemetry")
QUESTIONS = (
    (subjects.AUTH_STATE_GET, auth.StateRequest(), auth.AuthState),
    (subjects.REGISTRY_GATEWAYS_LIST, registry.ListRequest(), registry.GatewayList),
    (subjects.OTOSENSE_SENSORS_LIST, otosense.ListSensors(), otosense.SensorList),
    (subjects.TELEMETRY_STATE_GET, telemetry.StateRequest(), telemetry.State),
)
FAST = {"FERRY_FOLLOW__SPEED": "20", "FERRY_SHUTDOWN_S": "10"}
MOTOR = "0000S111A"


class Asker:
    """A person who asks every service, again and again."""

    def __init__(self, client):
        self.client = client
        self.answers = dict.fromkeys((subject for subject, _, _ in QUESTIONS), 0)
        self.refused = []

    async def run(self, stop):
        while not stop.is_set():
            for subject, question, answer in QUESTIONS:
                try:
                    await ask(self.client, subject, question, answer)
                    self.answers[subject] += 1
                except ProblemError as error:
                    self.refused.append(f"{subject}: {error}")
            await asyncio.sleep(0.05)


async def roll(ring, old, asker):
    """As a Deployment with maxSurge 1 and maxUnavailable 0: the new one is ready before the old one is told to stop."""
    for name in SERVICES:
        before = sum(asker.answers.values())

        async def asked_again(before=before):
            return sum(asker.answers.values()) > before + len(QUESTIONS)

        await ring.suite.start(name, {**QUICK, **FAST})
        assert await old[name].process.stop(signal.SIGTERM) == 0
        await eventually(asked_again, what=f"answers after the update of {name}")


async def test_a_rolling_update_of_every_service(tmp_path):
    async with arena(tmp_path, seed=1, replicas=0, gateways=2, sensors=2) as ring:
        old = {"auth": ring.suite.running[0]}
        started = await asyncio.gather(*(ring.suite.start(name, {**QUICK, **FAST}) for name in SERVICES[1:]))
        old |= dict(zip(SERVICES[1:], started, strict=True))
        operator = await ring.bus.as_user("operator")
        claim = otosense.ProvisionSensor(cert=certificates.chain(MOTOR))
        await ring.sandbox.post(f"/admin/sensors/{MOTOR}/connect", {"plan": "never"})
        await ask(operator, subjects.OTOSENSE_SENSORS_PROVISION, claim, otosense.Sensor)

        asker, stop = Asker(operator), asyncio.Event()
        asking = asyncio.create_task(asker.run(stop))
        publishing = asyncio.create_task(ring.publisher.run(100_000, 0.05))
        await roll(ring, old, asker)
        stop.set()
        ring.publisher.stop()
        ledger = await publishing
        await asking

        await ring.drained()
        assert (await ring.judge(ledger)).bad == []
        assert await ring.dead() == []
        assert ledger.count > 20 * len(ring.sensors)
        assert asker.refused == []
        assert min(asker.answers.values()) > 10

        await ring.sandbox.post(f"/admin/sensors/{MOTOR}/connect", {"plan": "at_once"})

        async def connected():
            question = otosense.GetSensor(sensor_id=MOTOR)
            return (
                await ask(operator, subjects.OTOSENSE_SENSORS_GET, question, otosense.Sensor)
            ).stage == "connected"

        await eventually(connected, within_s=20, what="the claim that began before the update")
        await operator.close()
