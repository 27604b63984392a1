"""Table `contractors`: the register. People and HR systems write it; the enforcer only on request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from typing import Any

from enforcer.concurrency import each
from enforcer.core.contractors import RegisterRow
from enforcer.core.keys import meanings, normalised
from enforcer.core.property_names import near_misses
from enforcer.storage.tables.gathering import GatheredReads
from enforcer.storage.tables.partitions import count_outside, read_partition
from enforcer.storage.tables.tables import TRANSACTION_SIZE, Entity, Tables, is_key, present

TABLE = "contractors"
_COLUMNS = ["PartitionKey", "RowKey", "EndDate", "StartDate"]
# The rows of people who are offboarded together lie near each other, so that one page of the range from the
# first to the last may hold them all. With at most this many rows in the page per wanted row, it costs half
# of what reading the wanted rows one by one would.
_ROWS_FOR_EACH = 30
_LARGEST_PAGE = 1000
_MOST_GATHERED = 100
_CALLS_AT_ONCE = 16
_MOST_WHO_ASK = 1000
# The clocks of the server that answers and of the one that stamps the row may differ by this much.
_CLOCKS_DIFFER = timedelta(seconds=1)


class Register:
    """Reads and writes rows of the register."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._reads: dict[str, GatheredReads[RegisterRow]] = {}
        self._changes: dict[str, GatheredReads[dict[str, list[tuple[str, str]]]]] = {}

    async def rows(self, group_id: str) -> AsyncIterator[RegisterRow]:
        """Return every row of the group's partition in the order of the keys; see `read`."""
        async with self._tables.table(TABLE) as table:
            found = table.query_entities(
                "PartitionKey eq @group", parameters={"group": group_id}, select=_COLUMNS
            )
            async for entity in found:
                for whole in await self._whole(group_id, [dict(entity)]):
                    yield decoded(whole)

    async def read(self, group_id: str, take: Callable[[list[RegisterRow]], Awaitable[None]]) -> None:
        """Read every row of the group's partition, page by page, several at a time.

        There is no filter on what the rows contain: it would silently drop rows whose property is missing or
        of another type.
        """

        async def take_page(entities: list[Entity]) -> None:
            await take([decoded(entity) for entity in await self._whole(group_id, entities)])

        await read_partition(self._tables, TABLE, group_id, take_page, _COLUMNS)

    async def _whole(self, group_id: str, page: list[Entity]) -> list[Entity]:
        """Read the rows without an EndDate again, with all columns: it may be under another name."""
        keys = [row["RowKey"] for row in page if row.get("EndDate") is None and is_key(row["RowKey"])]
        if not keys:
            return page
        async with self._tables.table(TABLE) as table:
            found = table.query_entities(
                "PartitionKey eq @group and RowKey ge @first and RowKey le @last",
                parameters={"group": group_id, "first": min(keys), "last": max(keys)},
            )
            whole = {entity["RowKey"]: dict(entity) async for entity in found}
        return [whole.get(row["RowKey"], row) if row.get("EndDate") is None else row for row in page]

    async def row(self, group_id: str, row_key: str) -> RegisterRow | None:
        """Read one row as it is now; concurrent callers share one request."""
        if group_id not in self._reads:
            self._reads[group_id] = GatheredReads(partial(self._some, group_id), most=_MOST_GATHERED)
        return await self._reads[group_id].get(row_key)

    async def _some(self, group_id: str, row_keys: list[str]) -> dict[str, RegisterRow]:
        """Read the rows with these keys, leaving out those that do not exist."""
        found = await self._between(group_id, row_keys) if len(row_keys) > 1 else {}
        # A row that is not in the page is beyond it, or does not exist; only reading it can tell.
        rest = [row_key for row_key in row_keys if row_key not in found]
        entities = await each(rest, partial(self._get, group_id), at_once=_CALLS_AT_ONCE)
        return found | {entity["RowKey"]: decoded(entity) for entity in entities if entity is not None}

    async def _between(self, group_id: str, row_keys: list[str]) -> dict[str, RegisterRow]:
        """Read one page of the rows from the first to the last of these keys."""
        async with self._tables.table(TABLE) as table:
            pages = table.query_entities(
                "PartitionKey eq @group and RowKey ge @first and RowKey le @last",
                parameters={"group": group_id, "first": min(row_keys), "last": max(row_keys)},
                select=_COLUMNS,
                results_per_page=min(_LARGEST_PAGE, _ROWS_FOR_EACH * len(row_keys)),
            ).by_page()
            async for page in pages:
                return {entity["RowKey"]: decoded(entity) async for entity in page}
        return {}

    async def changed(
        self, group_id: str, since: datetime, names: Collection[str], *, besides: str
    ) -> list[RegisterRow]:
        """Return the rows that were written since then and mean one of these names, as they are now.

        They include rows under the group's ID in capitals, but not rows that have been deleted. Concurrent
        callers share one request, which may also return somewhat older changes.

        Args:
            group_id: The managed group.
            since: A time by storage's own clock, such as a lease's `taken_at`: rows are stamped by it.
            names: Normalised keys; `ANYBODY` stands for rows that may mean anybody.
            besides: The key of a row to leave out.
        """
        if group_id not in self._changes:
            reads = GatheredReads(partial(self._changed, group_id), most=_MOST_WHO_ASK)
            self._changes[group_id] = reads
        found = await self._changes[group_id].get((since - _CLOCKS_DIFFER).isoformat()) or {}
        keys = {key for name in names for key in found.get(name, ()) if key != (group_id, besides)}
        rows = [await self._as_it_is_now(*key) for key in sorted(keys)]
        return [row for row in rows if row is not None]

    async def _as_it_is_now(self, partition: str, row_key: str) -> RegisterRow | None:
        if not is_key(row_key):  # it was listed but cannot be requested, and is never acted upon
            return RegisterRow(group_id=partition, row_key=row_key, end_date=None)
        entity = await self._get(partition, row_key)
        return None if entity is None else decoded(entity)

    async def _changed(self, group_id: str, times: list[str]) -> dict[str, dict[str, list[tuple[str, str]]]]:
        """Return partition and key of each row written since the first of these times, by whom it means."""
        since = datetime.fromisoformat(min(times))
        found: dict[str, list[tuple[str, str]]] = {}
        async with self._tables.table(TABLE) as table:
            for partition in dict.fromkeys([group_id, group_id.upper()]):
                entities = table.query_entities(
                    "PartitionKey eq @group and Timestamp ge @since",
                    parameters={"group": partition, "since": since},
                    select=["RowKey"],
                )
                async for entity in entities:
                    key = entity["RowKey"]
                    for meant in meanings(key):
                        found.setdefault(meant, []).append((partition, key))
        return dict.fromkeys(times, found)

    async def whole_row(self, group_id: str, row_key: str) -> RegisterRow | None:
        """Return the row with all its columns."""
        entity = await self._get(group_id, row_key)
        return None if entity is None else decoded(entity)

    async def named(self, group_id: str, names: Collection[str]) -> list[RegisterRow]:
        """Return the rows with one of these normalised names; of the others, only the keys are read."""
        keys = [key for key in await self.keys(group_id) if normalised(key) in names]
        found = [await self.whole_row(group_id, key) for key in sorted(keys)]
        return [row for row in found if row is not None]

    async def keys(self, group_id: str) -> list[str]:
        """Return the keys of all rows, in any order."""
        keys: list[str] = []

        async def take(entities: list[Entity]) -> None:
            keys.extend(entity["RowKey"] for entity in entities)

        await read_partition(self._tables, TABLE, group_id, take, ["RowKey"])
        return keys

    async def whole_rows(self, group_id: str) -> list[RegisterRow]:
        """Return the rows of the group's partition with all their columns."""
        async with self._tables.table(TABLE) as table:
            found = table.query_entities("PartitionKey eq @group", parameters={"group": group_id})
            return [decoded(entity) async for entity in found]

    async def other_partitions(self, group_ids: Sequence[str]) -> dict[str, int]:
        """Count the rows of each partition whose key is not exactly one of these."""
        return await count_outside(self._tables, TABLE, group_ids)

    async def save(self, row: RegisterRow) -> None:
        """Add the row, or change only those of its properties that are given."""
        async with self._tables.table(TABLE) as table:
            await table.upsert_entity(_entity(row))

    async def end(
        self, group_id: str, row_key: str, end_date: object, note: str, *, start_date: str | None = None
    ) -> None:
        """Change only the end of access and the note of a row, and its start if one is given.

        A row that was deleted meanwhile stays deleted.
        """
        from azure.core.exceptions import ResourceNotFoundError

        row = RegisterRow(
            group_id=group_id, row_key=row_key, end_date=end_date, start_date=start_date, note=note
        )
        async with self._tables.table(TABLE) as table:
            with suppress(ResourceNotFoundError):
                await table.update_entity(_entity(row))

    async def remove(self, group_id: str, row_key: str) -> None:
        async with self._tables.table(TABLE) as table:
            await table.delete_entity(group_id, row_key)

    async def import_all(self, rows: Sequence[RegisterRow]) -> None:
        """Write all rows or none.

        A transaction holds 100 rows of one group; when a later one fails, the earlier ones are put back
        as they were.
        """
        written: list[RegisterRow] = []
        before: list[Entity | None] = []
        try:
            for chunk in _transactions(rows):
                before += await self._as_they_are(chunk)
                written += chunk
                await self._transact([("upsert", _entity(item)) for item in chunk])
        except BaseException:  # also when somebody presses Ctrl-C
            await self._put_back(written, before)
            raise

    async def _as_they_are(self, chunk: Sequence[RegisterRow]) -> list[Entity | None]:
        """Return the rows with the keys of a chunk: of one partition, in the order of the keys."""
        found, end = await self._range(chunk[0].group_id, chunk[0].row_key, chunk[-1].row_key, len(chunk))
        beyond = [item.row_key for item in chunk if end is not None and item.row_key > end]
        rest = await each(beyond, partial(self._get, chunk[0].group_id), at_once=_CALLS_AT_ONCE)
        found |= {entity["RowKey"]: entity for entity in rest if entity is not None}
        return [found.get(item.row_key) for item in chunk]

    async def _range(
        self, group_id: str, first: str, last: str, wanted: int
    ) -> tuple[dict[str, Entity], str | None]:
        """Read rows with all columns from the first key to the last, and return where reading ended.

        It ends early (else None) where rows between them make reading the wanted ones alone cheaper.
        """
        found: dict[str, Entity] = {}
        key = None
        async with self._tables.table(TABLE) as table:
            entities = table.query_entities(
                "PartitionKey eq @group and RowKey ge @first and RowKey le @last",
                parameters={"group": group_id, "first": first, "last": last},
            )
            async for entity in entities:
                key = entity["RowKey"]
                found[key] = dict(entity)
                if len(found) > _ROWS_FOR_EACH * wanted:
                    return found, key
        return found, None

    async def _put_back(self, written: Sequence[RegisterRow], before: Sequence[Entity | None]) -> None:
        async def put_back(row: tuple[RegisterRow, Entity | None]) -> None:
            item, entity = row
            if entity is None:
                await self.remove(item.group_id, item.row_key)
            else:
                await self._transact([("upsert", entity, {"mode": "replace"})])

        await each(zip(written, before, strict=True), put_back, at_once=_CALLS_AT_ONCE)

    async def _transact(self, operations: list[tuple[Any, ...]]) -> None:
        await self._tables.submit(TABLE, operations)

    async def _get(self, group_id: str, row_key: str) -> Entity | None:
        found = await self._tables.find(TABLE, group_id, row_key)
        return found[0] if found else None


def _transactions(rows: Sequence[RegisterRow]) -> Iterator[Sequence[RegisterRow]]:
    for group_id in dict.fromkeys(item.group_id for item in rows):
        of_group = sorted((item for item in rows if item.group_id == group_id), key=_row_key)
        yield from batched(of_group, TRANSACTION_SIZE, strict=False)


def _row_key(item: RegisterRow) -> str:
    return item.row_key


def decoded(entity: Entity) -> RegisterRow:
    """Return the row that an entity contains, whatever that is."""
    return RegisterRow(
        group_id=entity["PartitionKey"],
        row_key=entity["RowKey"],
        end_date=_value(entity, "EndDate"),
        start_date=_value(entity, "StartDate"),
        display_name=_text(entity, "DisplayName"),
        company=_text(entity, "Company"),
        sponsor=_text(entity, "Sponsor"),
        note=_text(entity, "Note"),
        # Properties that may be a misspelt EndDate.
        perhaps_end_date=near_misses("EndDate", entity) if entity.get("EndDate") is None else (),
    )


def _text(entity: Entity, name: str) -> str:
    value = _value(entity, name)
    return "" if value is None else str(value)


def _value(entity: Entity, name: str) -> object:
    """Return a property's value; the SDK wraps those of Edm.Int64 in a tuple with their type."""
    value: object = entity.get(name)
    return value[0] if isinstance(value, tuple) else value


def _entity(item: RegisterRow) -> Entity:
    """Return only what is given: a merge leaves the row's other properties alone."""
    entity: Entity = {
        "PartitionKey": item.group_id,
        "RowKey": item.row_key,
        "EndDate": item.end_date,
        "StartDate": item.start_date,
        "DisplayName": item.display_name or None,
        "Company": item.company or None,
        "Sponsor": item.sponsor or None,
        "Note": item.note or None,
    }
    return present(entity)
