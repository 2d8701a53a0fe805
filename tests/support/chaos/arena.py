"""A run: bus, sandbox, auth, telemetry replicas and a publisher, with hands to break any of them."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from chaos.ledger import Ledger, Sensor
from chaos.oracle import Cloud, Found, judge
from chaos.publisher import Publisher
from chaos.tally import Tally, summary, tally_of
from harness.bus import Bus, Cluster
from harness.bus import bus as a_bus
from harness.bus import cluster as a_cluster
from harness.processes import eventually
from harness.sandbox import Sandbox
from harness.sandbox import sandbox as a_sandbox
from harness.services import Running, Suite, lay_fleet, suite

QUICK = {
    "FERRY_TELEMETRY__RETRY_BASE_S": "0.05",
    "FERRY_TELEMETRY__RETRY_CAP_S": "0.5",
    "FERRY_TELEMETRY__BREAKER_OPEN_S": "0.1",
    "FERRY_TELEMETRY__BREAKER_OPEN_MAX_S": "0.5",
    "FERRY_TELEMETRY__SILENT_S": "2",
    "FERRY_TELEMETRY__ACK_WAIT_S": "15",
    "FERRY_TELEMETRY__UNKNOWN_GRACE_S": "2",
    "FERRY_TELEMETRY__EARLIEST_TIME_MS": "0",
    "FERRY_TELEMETRY__IMPLY_STATUS": "false",
    "FERRY_LOG__LEVEL": "warning",
}
"""Time is scaled, not slept through."""


@dataclass
class Arena:
    bus: Bus | Cluster
    sandbox: Sandbox
    suite: Suite
    client: Client
    sensors: list[Sensor]
    publisher: Publisher
    random: random.Random
    replicas: list[Running] = field(default_factory=list)
    kills: int = 0
    env: dict[str, str] = field(default_factory=dict)

    async def add_replica(self) -> Running:
        replica = await self.suite.start("telemetry", {**QUICK, **self.env})
        self.replicas.append(replica)
        return replica

    async def add_dying(self, command: list[str]) -> Running:
        """A replica that will kill itself, perhaps before it is ready."""
        self.kills += 1
        return await self.suite.launch("telemetry", {**QUICK, **self.env}, command=command)

    async def kill_replica(self, replica: Running) -> None:
        self.replicas.remove(replica)
        self.kills += 1
        await replica.process.kill()

    async def stop_replica(self, replica: Running) -> None:
        self.replicas.remove(replica)
        await replica.process.stop(signal.SIGTERM)

    async def publish_bad(self, subject: str, body: bytes, *reasons: str) -> None:
        """A message that must end as a dead letter, for one of the reasons; its subject may be anybody's."""
        await self.client.jetstream(timeout=1).publish(subject, body)
        self.publisher.ledger.bad_messages[subject, body] = frozenset(reasons)

    async def drained(self, within_s: float = 60.0) -> None:
        """Every message of the stream has ended."""

        async def empty() -> bool:
            try:
                info = await self.client.jetstream().stream_info("FERRY_READINGS")
            except (TimeoutError, nats.js.errors.Error):
                return False
            # Without a leader any node answers, also one whose disk was emptied.
            return info.state.messages == 0 and (info.cluster is None or bool(info.cluster.leader))

        try:
            await eventually(empty, within_s=within_s, what="an empty FERRY_READINGS")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{await self._why()}") from None

    async def _why(self) -> str:
        """What telemetry and its logs say when the stream does not empty."""
        try:
            state = await self.client.request("ferry.v1.telemetry.state.get", b"{}", timeout=5)
            said = state.data.decode()
        except (TimeoutError, nats.errors.Error) as error:
            said = f"no state: {type(error).__name__}"
        logs = "\n".join(replica.process.text()[-2000:] for replica in self.replicas)
        return f"{said}\n{logs}"

    async def dead(self) -> list[tuple[str, str | None, bytes]]:
        jetstream = self.client.jetstream()
        found: list[tuple[str, str | None, bytes]] = []
        after = 0
        while True:
            try:
                letter = await jetstream.get_msg(
                    "FERRY_DEAD", seq=after + 1, subject="ferry.v1.dead.>", next=True
                )
            except nats.js.errors.NotFoundError:
                return found
            headers = letter.headers or {}
            found.append((headers.get("Ferry-Subject", ""), headers.get("Ferry-Reason"), letter.data or b""))
            after = int(letter.seq or 0)

    async def judge(self, ledger: Ledger | None = None) -> Found:
        """Asks the oracle, and prints the run's summary."""
        ledger = ledger or self.publisher.ledger
        series = {sensor: await self.sandbox.series(*sensor) for sensor in self.sensors}
        letters = await self.dead()
        found = judge(ledger, Cloud(series, await self.sandbox.statuses()), letters)
        print(summary(ledger, await self.tally(), letters), f"{self.kills} kills", str(found), sep="; ")
        return found

    async def tally(self) -> Tally:
        return tally_of(await self.sandbox.get("/admin/counters"))


@asynccontextmanager
async def arena(
    folder: Path,
    *,
    seed: int,
    replicas: int = 2,
    gateways: int = 8,
    sensors: int = 4,
    clustered: bool = False,
    lay: dict[str, int] | None = None,
    ack_s: float = 2.0,
    **env: str,
) -> AsyncIterator[Arena]:
    """`ack_s` is how long the publisher waits for an acknowledgement before it publishes again."""
    servers = a_cluster(folder / "bus") if clustered else a_bus(folder / "bus")
    async with servers as bus, a_sandbox(folder / "sandbox") as sandbox:
        await bus.lay(**(lay or {}))
        async with suite(bus, sandbox, folder / "services") as services:
            fleet = lay_fleet(bus, sandbox, gateways, sensors)
            laid, _ = await asyncio.gather(fleet, services.start("auth"))
            client = await bus.connect()
            plant = await bus.as_publisher("plant", max_reconnect_attempts=-1)
            chance = random.Random(seed)
            publisher = Publisher(plant, laid, seed, ack_s)
            ring = Arena(bus, sandbox, services, client, laid, publisher, chance)
            ring.env = env
            await asyncio.gather(*(ring.add_replica() for _ in range(replicas)))
            try:
                yield ring
                assert bus.denials() == []
            finally:
                ring.publisher.stop()
                await plant.close()
                await client.close()
