"""A directory server and clients for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from enforcer.core.settings import Settings, load_settings
from enforcer.graph.client import GraphClient
from enforcer.graph.directory import Directory
from enforcer.graph.pacer import Pacer
from enforcer.graph.retries import RetryBudget
from enforcer.graph.steps import DirectorySteps
from sandbox.directory import DirectoryServer, Fault, Group, Tenant, running_directory
from sandbox.directory.log import Entry
from tests.support.world import PERMISSIONS

# Enough for a machine that is busy; where a test uses it up, it is IMPATIENT.
RETRY_BUDGET = RetryBudget(failures=15, throttling=20)
IMPATIENT = pytest.mark.parametrize("retry_budget", [RetryBudget(failures=0.5)], ids=[""])


@dataclass
class Tenancy:
    """A tenant that is served, and what the product asks it with."""

    server: DirectoryServer
    settings: Settings
    group: Group
    client: GraphClient
    directory: Directory
    steps: DirectorySteps

    @property
    def tenant(self) -> Tenant:
        return self.server.tenant

    def strike(self, **fault: object) -> None:
        """Have something go wrong with the next matching request."""
        self.server.sandbox.faults.add(Fault(**fault))  # type: ignore[arg-type]

    def log(self, path: str = "/v1.0") -> list[Entry]:
        """Return what was asked below this path, batches and what is in them."""
        return [entry for entry in self.server.sandbox.log.entries if entry.path.startswith(path)]

    def statuses(self) -> list[int]:
        return [entry.status for entry in self.log()]


@asynccontextmanager
async def running_tenancy(
    monkeypatch: pytest.MonkeyPatch, *, retry_budget: RetryBudget = RETRY_BUDGET, pacer: Pacer | None = None
) -> AsyncIterator[Tenancy]:
    tenant = Tenant()
    tenant.add_managed_identity("enforcer", *PERMISSIONS)
    group = tenant.add_group("Contractors")
    async with running_directory(tenant) as server:
        for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
            monkeypatch.setenv(name, server.environment[name])
        settings = load_settings(
            {
                **server.environment,
                "ENFORCER_GROUP_IDS": group.id,
                "ENFORCER_MODE": "enforce",
                "EnforcerStorage": "UseDevelopmentStorage=true",
            }
        )
        async with GraphClient(settings, retry_budget=retry_budget, pacer=pacer or Pacer()) as client:
            directory = Directory(client)
            steps = DirectorySteps(client, directory)
            yield Tenancy(server, settings, group, client, directory, steps)


@pytest.fixture
def retry_budget() -> RetryBudget:
    return RETRY_BUDGET


@pytest.fixture
async def tenancy(monkeypatch: pytest.MonkeyPatch, retry_budget: RetryBudget) -> AsyncIterator[Tenancy]:
    async with running_tenancy(monkeypatch, retry_budget=retry_budget) as running:
        yield running
