"""Reads a whole partition; a large one in several key ranges at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from enforcer.concurrency import each
from enforcer.storage.tables.tables import Entity, Tables, is_key

if TYPE_CHECKING:
    from azure.core.async_paging import AsyncPageIterator
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

type Take = Callable[[list[Entity]], Awaitable[None]]
"""Takes a page of entities; while it waits, its range is not read any further."""

# Object IDs spread evenly over the ranges up to "g"; addresses are spread over all of them.
_BORDERS = ("2", "4", "6", "8", "a", "c", "e", "g", "m", "s")
_RANGES_AT_ONCE = 8


async def read_partition(
    tables: Tables, name: str, partition: str, take: Take, columns: Sequence[str] | None = None
) -> None:
    """Read every entity of a partition, in any order, with no filter on its contents.

    A filter would silently drop entities whose property is missing or of another type. A page that fails
    raises; after an empty page, the next is read.

    Args:
        tables: Where the table is.
        name: The table's name.
        partition: The PartitionKey.
        take: Receives the entities page by page.
        columns: The properties to read; all by default.
    """
    async with tables.table(name) as table:
        reading = _Reading(table, partition, take, columns)
        last = await reading.first_page()
        if last is not None:
            await each(_ranges(last), reading.read, at_once=_RANGES_AT_ONCE)


async def count_outside(tables: Tables, name: str, partitions: Sequence[str]) -> dict[str, int]:
    """Count the entities of all other partitions, by PartitionKey; nothing is read from these."""
    counts: Counter[str] = Counter()
    borders = sorted(partitions)

    async def count(gap: tuple[str, str]) -> None:
        after, before = gap
        text = f"PartitionKey {'gt' if after else 'ge'} @after" + (
            " and PartitionKey lt @before" if before else ""
        )
        found = table.query_entities(
            text, parameters={"after": after, "before": before}, select=["PartitionKey"]
        )
        counts.update([entity["PartitionKey"] async for entity in found])

    async with tables.table(name) as table:
        await each(pairwise(["", *borders, ""]), count, at_once=_RANGES_AT_ONCE)
    return counts


@dataclass(frozen=True, slots=True)
class _Range:
    """Keys from a start on (`ge`) or after it (`gt`), and before an end if there is one."""

    comparison: str
    start: str
    end: str | None


def _ranges(last: str) -> list[_Range]:
    """Divide all keys after this one into ranges, so that each key is in exactly one of them."""
    borders = [border for border in _BORDERS if border > last]
    starts = [("gt", last), *(("ge", border) for border in borders)]
    return [_Range(*start, end) for start, end in zip(starts, [*borders, None], strict=True)]


@dataclass(frozen=True, slots=True)
class _Reading:
    table: TableClient
    partition: str
    take: Take
    columns: Sequence[str] | None

    async def first_page(self) -> str | None:
        """Read the first page that is not empty; return its last key, or None if that was the last page.

        If a query cannot contain that key, the next page is read as well, and so on.
        """
        pages = self._pages("")
        async for page in pages:
            entities = [dict(entity) async for entity in page]
            if entities:
                await self.take(entities)
                last: str = entities[-1]["RowKey"]
                if is_key(last):
                    return last if pages.continuation_token else None
        return None

    async def read(self, keys: _Range) -> None:
        text = f" and RowKey {keys.comparison} @start"
        if keys.end is not None:
            text += " and RowKey lt @end"
        async for page in self._pages(text, start=keys.start, end=keys.end):
            await self.take([dict(entity) async for entity in page])

    def _pages(self, text: str, **parameters: str | None) -> AsyncPageIterator[TableEntity]:
        found = self.table.query_entities(
            "PartitionKey eq @partition" + text,
            parameters={"partition": self.partition, **parameters},
            select=list(self.columns) if self.columns else None,
        )
        return found.by_page()  # type: ignore[return-value]  # its declared type is less specific
