from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from enforcer.web.app import Api
from sandbox.storage_proxy import StorageProxy
from tests.support.api_caller import AUDIENCE, BUDGET, RETRY_BUDGET, Caller
from tests.support.world import World, running_world


@pytest.fixture
async def world(storage: StorageProxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world whose API is configured."""
    environ = {"ENFORCER_API_AUDIENCE": AUDIENCE}
    connection = storage.endpoints.connection_string
    async with running_world(
        connection, monkeypatch.setenv, environ=environ, retry_budget=RETRY_BUDGET
    ) as running:
        yield running


@pytest.fixture
def caller(world: World) -> Caller:
    api = Api(world.services, budget=BUDGET)
    return Caller(world, api, world.tenant.add_user("Olga Operator"))
