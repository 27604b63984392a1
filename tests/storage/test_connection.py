"""A client of storage is made at the first use, once, with a credential where that is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from azure.core.credentials_async import AsyncTokenCredential

from enforcer.core.exceptions import SettingsError
from enforcer.core.settings import Storage
from enforcer.storage.blobs import open_reports
from enforcer.storage.connection import Connection
from enforcer.storage.queues import SWEEPS, Queues
from enforcer.storage.tables.tables import Tables

pytestmark = pytest.mark.anyio

BY_KEY = Storage(connection_string="UseDevelopmentStorage=true")
BY_IDENTITY = Storage(table_url="https://x.table.core.windows.net")


async def _use_tables(storage: Storage) -> None:
    async with Tables(storage) as tables, tables.table("contractors"):
        pass


async def _use_queues(storage: Storage) -> None:
    async with Queues(storage) as queues:
        await queues.waiting(SWEEPS)


async def _use_blobs(storage: Storage) -> None:
    async with open_reports(storage) as reports:
        await reports.exist()


@dataclass
class Client:
    credential: AsyncTokenCredential | None
    closed: bool = False

    async def close(self) -> None:
        self.closed = True


@dataclass
class Service:
    made: list[Client] = field(default_factory=list)

    def connect(self, _: Storage, credential: AsyncTokenCredential | None) -> Client:
        self.made.append(Client(credential))
        return self.made[-1]


async def test_nothing_is_connected_before_it_is_used_and_then_once() -> None:
    service = Service()
    async with Connection(BY_KEY, service.connect) as connection:
        assert service.made == []
        assert connection.client is connection.client
    [client] = service.made
    assert client.closed


async def test_a_connection_string_needs_no_credential_and_an_address_does() -> None:
    service = Service()
    for storage in (BY_KEY, BY_IDENTITY):
        async with Connection(storage, service.connect) as connection:
            assert connection.client in service.made
    assert [client.credential is None for client in service.made] == [True, False]


async def test_after_closing_it_connects_again() -> None:
    service = Service()
    connection = Connection(BY_IDENTITY, service.connect)
    first = connection.client
    await connection.close()
    await connection.close()
    assert connection.client is not first
    assert connection.client.credential is not first.credential
    await connection.close()


@pytest.mark.parametrize(
    ("service", "use"),
    [("tables", _use_tables), ("queues", _use_queues), ("blobs", _use_blobs)],
)
async def test_an_unusable_connection_string_is_one_wrong_setting(
    service: str, use: Callable[[Storage], Awaitable[None]]
) -> None:
    with pytest.raises(SettingsError, match=f"EnforcerStorage cannot be used for {service}: ") as caught:
        await use(Storage(connection_string="FileEndpoint=https://x.example;SharedAccessSignature=sig=x"))
    assert len(caught.value.problems) == 1
