"""Partitions on real tables: everything is read once, large ones side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import batched
from uuid import UUID

import pytest
from azure.core.exceptions import HttpResponseError

from enforcer.storage.tables.partitions import read_partition
from enforcer.storage.tables.register import TABLE
from enforcer.storage.tables.tables import TRANSACTION_SIZE, Entity, Tables
from sandbox.storage_proxy import Calls, Fault, Reply, StorageProxy

pytestmark = pytest.mark.anyio

PAGES = Calls(method="GET")
# An answer that is not tried again.
REFUSED = Fault(calls=PAGES, nth=4, reply=Reply.CONDITION_NOT_MET)


@dataclass
class Shelf:
    tables: Tables
    proxy: StorageProxy
    partition: str

    async def fill(self, keys: list[str]) -> None:
        async with self.tables.table(TABLE) as table:
            for chunk in batched(keys, TRANSACTION_SIZE, strict=False):
                entities = [self._entity(key) for key in chunk]
                await table.submit_transaction([("create", entity) for entity in entities])
        self.proxy.clear()

    def _entity(self, key: str) -> Entity:
        return {"PartitionKey": self.partition, "RowKey": key, "EndDate": "2020-01-31", "Note": "long"}

    async def read(self, *columns: str) -> list[Entity]:
        found: list[Entity] = []

        async def take(page: list[Entity]) -> None:
            found.extend(page)

        await read_partition(self.tables, TABLE, self.partition, take, columns or None)
        return found


@pytest.fixture
def shelf(shaky: Tables, storage: StorageProxy, group: str) -> Shelf:
    return Shelf(shaky, storage, group)


def spread_keys(count: int) -> list[str]:
    """Object IDs from one end to the other, and names of all sorts."""
    step = 2**128 // count
    ids = [str(UUID(int=number * step)) for number in range(count)]
    starts = ["", *"0159AFGMSZafgmsz_~", "ä", "\uff20", "\U0001f600"]
    return ids + [f"{start}.{number}@example.com" for start in starts for number in range(20)]


async def test_every_entity_of_a_large_partition_is_read_once(shelf: Shelf) -> None:
    keys = spread_keys(2000)
    await shelf.fill(keys)

    assert sorted(entity["RowKey"] for entity in await shelf.read()) == sorted(keys)


async def test_a_small_partition_takes_one_request(shelf: Shelf) -> None:
    await shelf.fill(["a", "b"])

    assert len(await shelf.read()) == 2
    assert shelf.proxy.count(PAGES) == 1


async def test_an_empty_partition_is_not_an_error(shelf: Shelf) -> None:
    await shelf.fill([])

    assert await shelf.read() == []


async def test_only_the_columns_that_are_asked_for_are_read(shelf: Shelf) -> None:
    await shelf.fill(["a"])

    assert await shelf.read("RowKey", "EndDate") == [{"RowKey": "a", "EndDate": "2020-01-31"}]


async def test_a_range_that_cannot_be_read_is_an_error(shelf: Shelf) -> None:
    await shelf.fill(spread_keys(1100))
    shelf.proxy.set_fault(REFUSED)

    with pytest.raises(HttpResponseError):
        await shelf.read()
