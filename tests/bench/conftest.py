"""A world in which the brake holds nothing and the API has an audience."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bench.stage import AUDIENCE
from sandbox.azurite import StorageEndpoints
from tests.world import World, running_world

_SETTINGS = {"ENFORCER_BRAKE_COUNT": "1000000", "ENFORCER_API_AUDIENCE": AUDIENCE}


@pytest.fixture
async def world(azurite: StorageEndpoints, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with running_world(azurite.connection_string, monkeypatch.setenv, environ=_SETTINGS) as running:
        yield running
