"""The suite's shared parts: a real nats-server and the sandbox, each a process on a free port."""

from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio
from nats.aio.client import Client

from ferry.contract import topology
from harness import bus as buses
from harness import sandbox as sandboxes
from harness import services

hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[buses.Bus]:
    """A nats-server of the test's own, with production's permissions and the contract's streams and buckets.

    A denial fails the test: this finds any user that needs more than deploy/nats grants.
    """
    async with buses.bus(tmp_path / "bus") as running:
        await running.lay()
        yield running
        assert running.denials() == []


@pytest.fixture
async def nats_client(bus: buses.Bus) -> AsyncIterator[Client]:
    """The harness itself, which may look at everything."""
    client = await bus.connect()
    yield client
    await client.close()


@pytest.fixture
async def publisher(bus: buses.Bus) -> AsyncIterator[Client]:
    """A publisher with an account of its own, that may publish for `gateway-0` to `gateway-63`."""
    client = await bus.as_publisher("plant")
    yield client
    await client.close()


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[sandboxes.Sandbox]:
    """Both clouds, fresh, for the test's own use."""
    async with sandboxes.sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
async def suite(bus: buses.Bus, sandbox: sandboxes.Sandbox, tmp_path: Path) -> AsyncIterator[services.Suite]:
    """Starts services as processes; they are ended with the test."""
    async with services.suite(bus, sandbox, tmp_path / "services") as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[services.Suite]:
    """auth and registry on a bus and a sandbox, for a module's tests one after another; `cleared` is for a test."""
    folder = tmp_path_factory.mktemp("standing")
    async with (
        buses.bus(folder / "bus") as bus,
        sandboxes.sandbox(folder / "sandbox") as sandbox,
        services.suite(bus, sandbox, folder / "services") as started,
    ):
        await bus.lay()
        await started.start("auth")
        await started.start("registry")
        yield started
        assert bus.denials() == []


@pytest_asyncio.fixture(loop_scope="module")
async def cleared(standing: services.Suite) -> services.Suite:
    """What stands, with nothing registered at the cloud or here."""
    await standing.sandbox.post("/admin/reset")
    client = await standing.bus.connect()
    await client.jetstream().purge_stream(f"KV_{topology.REGISTRY.name}")
    await client.close()
    return standing


@pytest_asyncio.fixture(loop_scope="module")
async def cleared_client(cleared: services.Suite) -> AsyncIterator[Client]:
    client = await cleared.bus.connect()
    yield client
    await client.close()
