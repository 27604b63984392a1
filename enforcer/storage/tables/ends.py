"""Table `ends`: the end of each row as the last night saw it, packed, one or a few entities for a group."""

from __future__ import annotations

import zlib
from array import array
from itertools import batched

from enforcer.core.end_watch import SeenEnds
from enforcer.storage.tables.tables import Entity, Tables, moment, number, text

TABLE = "ends"
_SEEN = "seen"
# Table Storage: 64 KiB in a property, 1 MiB in an entity, which the SDK writes as base64.
_PROPERTY = 60_000
_PROPERTIES = 10


class Ends:
    """Keeps what the last night of each group saw."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def last(self, group_id: str) -> SeenEnds | None:
        """Return what the last night saw; None where there was none, or it cannot be read."""
        seen = await self._get(group_id, _SEEN)
        if seen is None:
            return None
        parts = [
            await self._get(group_id, _part(text(seen, "RunId"), place))
            for place in range(number(seen, "Parts"))
        ]
        return _unpacked(seen, [part for part in parts if part is not None])

    async def save(self, group_id: str, seen: SeenEnds, run_id: str) -> None:
        """Keep what a night saw; an interrupted write leaves what was there before."""
        packed = zlib.compress(seen.keys.tobytes() + seen.ends.tobytes(), level=1)
        chunks = [packed[start : start + _PROPERTY] for start in range(0, len(packed), _PROPERTY)]
        before = await self._get(group_id, _SEEN)
        async with self._tables.table(TABLE) as table:
            parts = list(batched(chunks, _PROPERTIES, strict=False))
            for place, part in enumerate(parts):
                named = {f"Ends{number:02}": chunk for number, chunk in enumerate(part)}
                entity = {"PartitionKey": group_id, "RowKey": _part(run_id, place), **named}
                await table.upsert_entity(entity, mode="replace")
            head: Entity = {
                "PartitionKey": group_id,
                "RowKey": _SEEN,
                "RunId": run_id,
                "At": seen.at,
                "Sequence": seen.sequence,
                "Rows": len(seen.keys),
                "Parts": len(parts),
            }
            await table.upsert_entity(head, mode="replace")
            if before is not None and text(before, "RunId") != run_id:
                for place in range(number(before, "Parts")):
                    await table.delete_entity(group_id, _part(text(before, "RunId"), place))

    async def _get(self, group_id: str, key: str) -> Entity | None:
        from azure.core.exceptions import ResourceNotFoundError

        async with self._tables.table(TABLE) as table:
            try:
                return dict(await table.get_entity(group_id, key))
            except ResourceNotFoundError:
                return None


def _part(run_id: str, place: int) -> str:
    return f"{run_id}-{place:03}"


def _unpacked(seen: Entity, parts: list[Entity]) -> SeenEnds | None:
    at, rows = moment(seen, "At"), number(seen, "Rows")
    chunks = [
        part[name]
        for part in parts
        for name in (f"Ends{number:02}" for number in range(_PROPERTIES))
        if isinstance(part.get(name), bytes)
    ]
    keys, ends = array("Q"), array("q")
    try:
        packed = zlib.decompress(b"".join(chunks))
        keys.frombytes(packed[: rows * keys.itemsize])
        ends.frombytes(packed[rows * keys.itemsize :])
    except (zlib.error, ValueError):
        return None
    if at is None or not len(keys) == len(ends) == rows:
        return None
    return SeenEnds(at=at, sequence=number(seen, "Sequence"), keys=keys, ends=ends)
