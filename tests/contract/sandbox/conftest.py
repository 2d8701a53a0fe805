"""The sandbox as a process of its own, for all tests here."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from guide_client import Tenant, demo_at, other_at


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "ferry.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        listening = json.loads(process.stdout.readline())
        assert listening["event"] == "listening"
        yield str(listening["url"])
        process.terminate()
        assert process.wait(10) == 0


@pytest.fixture(scope="session")
def demo(url: str) -> Iterator[Tenant]:
    tenant = demo_at(url)
    tenant.login()
    yield tenant
    tenant.http.close()


@pytest.fixture(scope="session")
def other(url: str) -> Iterator[Tenant]:
    tenant = other_at(url)
    tenant.login()
    yield tenant
    tenant.http.close()
