"""Worlds with their own settings, and worlds whose storage can be made to fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.pacer import Pacer
from enforcer.graph.retries import RetryBudget
from sandbox.azurite import StorageEndpoints
from sandbox.directory.settings import Quota
from sandbox.storage_proxy import StorageProxy, running_storage_proxy_async
from tests.support.world import World, running_world

type OpenWorld = Callable[..., Awaitable[World]]
# Long enough for two attempts, short enough to wait for.
RETRY_BUDGET = RetryBudget(failures=1.2, throttling=8)


@pytest.fixture
async def open_world(azurite: StorageEndpoints, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenWorld]:
    """Open worlds; `storage` is another route to the tables, further keywords are settings."""
    async with AsyncExitStack() as stack:

        async def open_one(
            storage: StorageEndpoints = azurite, retry_budget: RetryBudget = RETRY_BUDGET, **environ: str
        ) -> World:
            running = running_world(
                storage.connection_string, monkeypatch.setenv, environ=environ, retry_budget=retry_budget
            )
            world = await stack.enter_async_context(running)
            return without_waiting_for_policies(world)

        yield open_one


def without_waiting_for_policies(world: World) -> World:
    """Lift the limit of one request a second for policies, on both sides."""
    world.directory.sandbox.settings.conditional_access_quota = Quota(limit=10_000, seconds=1)
    pacer = Pacer(writes=10_000, window=1)
    policies = ConditionalAccess(world.services.graph, pacer)
    world.services = replace(world.services, conditional_access=policies)
    return world


@pytest.fixture
async def proxy(azurite: StorageEndpoints) -> AsyncIterator[StorageProxy]:
    """A proxy to storage; without faults it changes nothing."""
    async with running_storage_proxy_async(azurite) as running:
        yield running
