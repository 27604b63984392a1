"""What all tests share: Azurite, a tenant, and the product connected to both."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from sandbox.azurite import StorageEndpoints, running_azurite
from sandbox.certificates import Certificate, make_certificate
from sandbox.storage_proxy import StorageProxy, running_storage_proxy_async
from sandbox.tls_front import TlsFront, running_tls_front
from tests.support.messaging import Webhook, running_webhook
from tests.support.office import Office, running_office
from tests.support.world import World, running_world

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
hypothesis_settings.register_profile(
    "fast", max_examples=100, deadline=None, derandomize=True, suppress_health_check=_SLOW_IS_FINE
)
hypothesis_settings.register_profile(
    "long", max_examples=1000, deadline=None, suppress_health_check=_SLOW_IS_FINE
)
# For `make mutate`, which asks only whether a test fails, not by which example.
hypothesis_settings.register_profile(
    "mutants", hypothesis_settings.get_profile("fast"), phases=(Phase.explicit, Phase.generate)
)
hypothesis_settings.load_profile("fast")


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: a test waits for servers a third of its time."""
    return (os.process_cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the reliability tests, the longest files, so that no worker is left with one at the end."""
    items.sort(key=lambda item: "reliability" not in item.path.parts)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


type NewAccount = Callable[[], StorageEndpoints]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The certificate of all TLS servers."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def front(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TlsFront]:
    """A TLS proxy to a server of the test's choice, trusted by the product."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    async with running_tls_front(certificate) as running:
        yield running


@pytest.fixture(scope="session")
def new_account() -> Iterator[NewAccount]:
    """Create storage accounts, all in one Azurite; to share one between tests, override `azurite`."""
    with running_azurite() as endpoints:
        numbers = count(1)
        yield lambda: endpoints.of_account(next(numbers))


@pytest.fixture
def azurite(new_account: NewAccount) -> StorageEndpoints:
    """A storage account that nobody else uses."""
    return new_account()


@pytest.fixture
async def storage(azurite: StorageEndpoints) -> AsyncIterator[StorageProxy]:
    """Storage that fails where a test wants it to."""
    async with running_storage_proxy_async(azurite) as proxy:
        yield proxy


@pytest.fixture
def environ() -> dict[str, str]:
    """Settings of the world in addition to the required ones; override this to change them."""
    return {}


@pytest.fixture
async def world(
    azurite: StorageEndpoints, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> AsyncIterator[World]:
    """A tenant with one managed group, an empty register, and the product's services."""
    async with running_world(azurite.connection_string, monkeypatch.setenv, environ=environ) as running:
        yield running


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    """Where operators' messages arrive."""
    async with running_webhook() as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A tenant with administrators, where an operator is signed in."""
    with running_office(tmp_path, monkeypatch.setenv) as running:
        yield running
