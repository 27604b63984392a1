from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from enforcer.api.app import Api
from enforcer.graph.retries import Patience
from sandbox.azurite import StorageEndpoints
from sandbox.storage_proxy import StorageProxy, running_storage_proxy_async
from tests.api.caller import AUDIENCE, BUDGET
from tests.page.visitor import Visitor
from tests.world import World, running_world

_PATIENCE = Patience(failures=0.2, throttling=0.2)


@pytest.fixture
async def storage(azurite: StorageEndpoints) -> AsyncIterator[StorageProxy]:
    """Storage that breaks where a test wants it to."""
    async with running_storage_proxy_async(azurite) as proxy:
        yield proxy


@pytest.fixture
async def world(storage: StorageProxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world whose API is configured."""
    environ = {"ENFORCER_API_AUDIENCE": AUDIENCE, "ENFORCER_TIME_ZONE": "Europe/Berlin"}
    connection = storage.endpoints.connection_string
    async with running_world(connection, monkeypatch.setenv, environ=environ, patience=_PATIENCE) as running:
        yield running


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world, Api(world.services, budget=BUDGET), world.tenant.add_user("Olga Operator"))
