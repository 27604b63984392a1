"""Tables in Azurite, with a partition of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from enforcer.core.settings import Storage
from enforcer.storage.tables.tables import Tables
from sandbox.azurite import StorageEndpoints
from sandbox.storage_proxy import StorageProxy


@pytest.fixture
async def tables(azurite: StorageEndpoints) -> AsyncIterator[Tables]:
    async with Tables(Storage(connection_string=azurite.connection_string)) as opened:
        yield opened


@pytest.fixture
async def shaky(storage: StorageProxy) -> AsyncIterator[Tables]:
    """Tables that break where a test has `storage` break."""
    async with Tables(Storage(connection_string=storage.endpoints.connection_string)) as opened:
        yield opened


@pytest.fixture
def group() -> str:
    return str(uuid4())
