"""The ends that a night saw, packed into few entities."""

from __future__ import annotations

import random
from array import array
from datetime import UTC, datetime

import pytest

from enforcer.core.end_watch import SeenEnds
from enforcer.storage.tables.ends import TABLE, Ends
from enforcer.storage.tables.tables import Tables

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def seen(rows: int, *, seed: int = 1) -> SeenEnds:
    drawn = random.Random(seed)  # noqa: S311 -- no secret
    keys = sorted(drawn.getrandbits(64) for _ in range(rows))
    return SeenEnds(at=NOW, sequence=7, keys=array("Q", keys), ends=array("q", range(rows)))


@pytest.mark.parametrize("rows", [0, 1, 100_000])
async def test_what_was_saved_is_read_again(tables: Tables, group: str, rows: int) -> None:
    await Ends(tables).save(group, seen(rows), "run 1")
    assert await Ends(tables).last(group) == seen(rows)


async def test_a_newer_night_replaces_the_older(tables: Tables, group: str) -> None:
    ends = Ends(tables)
    await ends.save(group, seen(100_000), "run 1")
    await ends.save(group, seen(10, seed=2), "run 2")

    assert await ends.last(group) == seen(10, seed=2)
    async with tables.table(TABLE) as table:
        found = table.query_entities("PartitionKey eq @group", parameters={"group": group})
        assert [entity["RowKey"] async for entity in found] == ["run 2-000", "seen"]


async def test_a_night_that_cannot_be_read_is_none(tables: Tables, group: str) -> None:
    ends = Ends(tables)
    assert await ends.last(group) is None
    await ends.save(group, seen(3), "run 1")
    async with tables.table(TABLE) as table:
        await table.update_entity({"PartitionKey": group, "RowKey": "run 1-000", "Ends00": b"spoiled"})
    assert await ends.last(group) is None
