"""The sandbox as a process of its own, for all tests here."""

from collections.abc import Iterator

import pytest
from guide_client import Tenant, demo_at, other_at
from sandbox_process import started


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with started("--port", "0") as (address, process):
        yield address
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
