"""The register page by page, for lists that are longer than an answer should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from enforcer.core.contractors import RegisterRow
from enforcer.storage.tables.register import TABLE, decoded
from enforcer.storage.tables.tables import Tables, is_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The last row that was returned."""

    group_id: str
    row_key: str


async def rows_after(
    tables: Tables, group_ids: Sequence[str], place: Place | None, limit: int
) -> list[RegisterRow]:
    """Return the next rows of these groups: `limit` of them, and fewer only at the end.

    There are more if the key of the last one cannot be used in a query: the next page starts after it.
    """
    found: list[RegisterRow] = []
    start = group_ids.index(place.group_id) if place else 0
    for group_id in group_ids[start:]:
        after = place.row_key if place and place.group_id == group_id else ""
        found += await _after(tables, Place(group_id=group_id, row_key=after), limit - len(found))
        if len(found) >= limit:
            break
    return found


async def _after(tables: Tables, place: Place, limit: int) -> list[RegisterRow]:
    found: list[RegisterRow] = []
    async with tables.table(TABLE) as table:
        rows = table.query_entities(
            "PartitionKey eq @group and RowKey gt @after",
            parameters={"group": place.group_id, "after": place.row_key},
            results_per_page=min(limit, 1000),
        )
        # Even a short or empty page may have a successor.
        async for row in rows:
            found.append(decoded(row))
            if len(found) >= limit and is_key(row["RowKey"]):
                break
    return found
