"""Tables for one event loop; a table that is missing is created at its first use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from enforcer.connection import CALL_SECONDS, Connection, made_by_settings, storage_errors
from enforcer.core.dates import utc
from enforcer.settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableClient, TableServiceClient

type Entity = dict[str, Any]
"""An entity as the SDK gives and takes it; it does not leave `enforcer.tables`."""

# One entity group transaction holds at most 100 operations on one partition.
TRANSACTION_SIZE = 100


class Tables:
    """Opens tables; connects at the first use. Use as a context manager.

    Args:
        storage: Where they are, and who asks.
        call_seconds: How long one attempt of a call may take.
    """

    def __init__(self, storage: Storage, *, call_seconds: float = CALL_SECONDS) -> None:
        self._connection = Connection(storage, partial(_connect, call_seconds))
        self._tables: dict[str, asyncio.Task[TableClient]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()
        self._tables.clear()

    @asynccontextmanager
    async def table(self, name: str) -> AsyncIterator[TableClient]:
        """Give the table's client; the service's refusals come out as this project's errors."""
        with storage_errors():
            opening = self._tables.get(name)
            if opening is None or (opening.done() and (opening.cancelled() or opening.exception())):
                opening = self._tables[name] = asyncio.create_task(self._open(name))
                opening.add_done_callback(_notice)
            client = await asyncio.shield(opening)
            yield client

    async def submit(self, name: str, operations: list[tuple[Any, ...]]) -> None:
        """Write a transaction that does no harm when it is written twice (see `PersistentTransport`)."""
        async with self.table(name) as table:
            await table.submit_transaction(operations)

    async def _open(self, name: str) -> TableClient:
        return await self._connection.client.create_table_if_not_exists(name)


def _connect(
    call_seconds: float, storage: Storage, credential: AsyncTokenCredential | None
) -> TableServiceClient:
    from azure.data.tables.aio import TableServiceClient  # noqa: PLC0415 -- heavy

    from enforcer.tables.transport import PersistentTransport  # noqa: PLC0415

    patience: dict[str, Any] = {
        "retry_total": 5,
        "retry_backoff_factor": 0.4,
        "retry_backoff_max": 8,
        "transport": PersistentTransport("tables", call_seconds),
    }
    with made_by_settings("tables"):
        if storage.connection_string:
            return TableServiceClient.from_connection_string(storage.connection_string, **patience)
        return TableServiceClient(storage.table_url, credential=credential, **patience)


def _notice(opening: asyncio.Task[TableClient]) -> None:
    """Take note of a failure that came after everybody who waited for the table had given up."""
    if not opening.cancelled():
        opening.exception()


def moment(entity: Entity, name: str) -> datetime | None:
    """Give a time that this product wrote; None where there is none."""
    value = entity.get(name)
    return utc(value) if isinstance(value, datetime) else None


def present(entity: Entity) -> Entity:
    """Leave out what is None: a table has no nulls, only absent properties."""
    return {name: value for name, value in entity.items() if value is not None}
