"""The suite's shared parts: a real nats-server and the sandbox, each a process on a free port."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from harness import bus as buses
from harness import sandbox as sandboxes
from harness import services


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[buses.Bus]:
    """A nats-server of the test's own, with the contract's streams and buckets."""
    async with buses.bus(tmp_path / "bus") as running:
        await running.lay()
        yield running


@pytest.fixture
async def nats_client(bus: buses.Bus) -> AsyncIterator[Client]:
    client = await bus.connect()
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
