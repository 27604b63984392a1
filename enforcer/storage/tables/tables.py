"""Tables for one event loop; a missing table is created on first use."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from enforcer.core.calendar.dates import utc
from enforcer.core.settings import Storage
from enforcer.storage.connection import CALL_SECONDS, Connection, made_by_settings, storage_errors

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableClient, TableServiceClient

type Entity = dict[str, Any]
"""An entity as the SDK gives and takes it; it does not leave `enforcer.storage.tables`."""

# One entity group transaction holds at most 100 operations on one partition.
TRANSACTION_SIZE = 100

# Understanding the Table service data model: characters disallowed in key fields. A half of a surrogate pair
# is shown with a backslash (see `decoding`), so that a row whose key holds one cannot be asked for either.
_NO_KEY = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")

# What Azure answers to somebody whom it knows, and whose role does not include this.
_NO_RIGHT = "AuthorizationPermissionMismatch"
# The entity is gone, is there already, or has another version.
_OTHERS_WERE_FASTER = frozenset({404, 409, 412})

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Used for a required time that is missing."""


@dataclass(frozen=True, slots=True)
class Version:
    """Which write of an entity this is, and when it was made by storage's clock (whole seconds or finer)."""

    etag: str
    written_at: datetime

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Self:
        return cls(str(metadata["etag"]), utc(metadata["date"]))


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
        """Return the table's client; the service's refusals come out as this project's errors."""
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

    async def find(self, name: str, partition: str, row_key: str) -> tuple[Entity, Version] | None:
        """Return an entity and its version, or None if there is none with these keys."""
        from azure.core.exceptions import ResourceNotFoundError

        if not is_key(row_key):
            return None
        async with self.table(name) as table:
            try:
                entity = await table.get_entity(partition, row_key)
            except ResourceNotFoundError:
                return None
        return dict(entity), Version.of({**entity.metadata, "date": entity.metadata["timestamp"]})

    async def write_unchanged(self, name: str, entity: Entity, version: Version | None) -> Version | None:
        """Replace an entity that is still at this version; without one, create it.

        Return its new version, or None if another writer was faster. That may have been this very call: if
        its answer was lost, the SDK repeated it in vain.
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError

        async with self.table(name) as table:
            try:
                if version is None:
                    return Version.of(await table.create_entity(entity))
                written = await table.update_entity(
                    entity,
                    mode="replace",
                    etag=version.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
                return Version.of(written)
            except HttpResponseError as error:
                if error.status_code in _OTHERS_WERE_FASTER:
                    return None
                raise

    async def _open(self, name: str) -> TableClient:
        """Create the table if it is missing; whoever may only read does without."""
        from azure.core.exceptions import HttpResponseError

        try:
            return await self._connection.client.create_table_if_not_exists(name)
        except HttpResponseError as error:
            if getattr(error, "error_code", "") == _NO_RIGHT:
                return self._connection.client.get_table_client(name)
            raise


def _connect(
    call_seconds: float, storage: Storage, credential: AsyncTokenCredential | None
) -> TableServiceClient:
    from azure.data.tables.aio import TableServiceClient

    from enforcer.storage.tables.decoding import SafeValues
    from enforcer.storage.tables.transport import PersistentTransport

    options: dict[str, Any] = {
        "retry_total": 5,
        "retry_backoff_factor": 0.4,
        "retry_backoff_max": 8,
        "transport": PersistentTransport("tables", call_seconds),
    }
    with made_by_settings("tables"):
        if storage.connection_string:
            client = TableServiceClient.from_connection_string(storage.connection_string, **options)
        else:
            client = TableServiceClient(storage.table_url, credential=credential, **options)
    # No option takes a policy that sees the answer as JSON; the tables' clients inherit this list.
    client._policies.insert(0, SafeValues())  # noqa: SLF001
    return client


def _notice(opening: asyncio.Task[TableClient]) -> None:
    """Take note of a failure that came after everybody who waited for the table had given up."""
    if not opening.cancelled():
        opening.exception()


# What the enforcer wrote itself may have been changed by others since: what is not there, or not of its type,
# reads as if nothing had been written.


def moment(entity: Entity, name: str) -> datetime | None:
    """Return a time; None where there is none."""
    value = entity.get(name)
    return utc(value) if isinstance(value, datetime) else None


def text(entity: Entity, name: str) -> str:
    """Return a text; the empty one where there is none."""
    value = entity.get(name)
    return value if isinstance(value, str) else ""


def number(entity: Entity, name: str) -> int:
    """Return a whole number; 0 where there is none."""
    value = entity.get(name)
    return value if isinstance(value, int) else 0


def choice[E: StrEnum](entity: Entity, name: str, kind: type[E]) -> E | None:
    """Return one of the words of an enum; None where there is none of them."""
    value = text(entity, name)
    return kind(value) if value in kind else None


def is_key(text: str) -> bool:
    """Whether Table Storage allows this key; no row can have any other."""
    return _NO_KEY.search(text) is None


def present(entity: Entity) -> Entity:
    """Return the entity without None values: a table has no nulls, only absent properties."""
    return {name: value for name, value in entity.items() if value is not None}
