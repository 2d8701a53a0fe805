"""A running suite with a console, for a module's tests one after another, and Debian's Chromium."""

import os
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from harness import bus as buses
from harness import console, sandbox, services
from harness.chromium import CHROMIUM, FLAGS

SERVICES = ("auth", "registry", "telemetry", "otosense")
QUICK = {"FERRY_TELEMETRY__UNKNOWN_GRACE_S": "1", "FERRY_TELEMETRY__BREAKER_OPEN_S": "1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("console")
    async with (
        buses.bus(folder / "bus") as bus,
        sandbox.sandbox(folder / "sandbox") as cloud,
        services.suite(bus, cloud, folder / "services") as started,
    ):
        await bus.lay()
        launched = [await started.launch(name, QUICK if name == "telemetry" else None) for name in SERVICES]
        for one in launched:
            await one.ready()
        yield started
        assert bus.denials() == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page_of(suite):
    return await console.start(suite)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM HERE: the console's page is not tested (scripts/ci-tools.sh installs it)")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        await running.close()


@pytest.fixture
def shot():
    """Keeps a picture where FERRY_SCREENSHOTS points to, to be looked at."""

    async def take(page, name):
        if folder := os.environ.get("FERRY_SCREENSHOTS"):
            await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take
