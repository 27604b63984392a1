"""The register page by page."""

from __future__ import annotations

from uuid import uuid4

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.storage.tables.pages import Place, rows_after
from enforcer.storage.tables.register import Register
from enforcer.storage.tables.tables import Tables

pytestmark = pytest.mark.anyio


async def fill(tables: Tables, group: str, *keys: str) -> None:
    rows = [RegisterRow(group_id=group, row_key=key, end_date="2099-01-31") for key in keys]
    await Register(tables).import_all(rows)


async def test_a_page_goes_on_behind_the_place_and_into_the_next_group(tables: Tables, group: str) -> None:
    other = str(uuid4())
    await fill(tables, group, "anna@x.example", "ben@x.example")
    await fill(tables, other, "ada@x.example", "cleo@x.example")
    place = Place(group_id=group, row_key="anna@x.example")

    found = await rows_after(tables, (group, other), place, 2)

    assert [(row.group_id, row.row_key) for row in found] == [
        (group, "ben@x.example"),
        (other, "ada@x.example"),
    ]


async def test_the_row_at_the_place_may_have_gone_meanwhile(tables: Tables, group: str) -> None:
    await fill(tables, group, "anna@x.example", "cleo@x.example")
    place = Place(group_id=group, row_key="ben@x.example")
    (found,) = await rows_after(tables, (group,), place, 10)
    assert found.row_key == "cleo@x.example"


async def test_behind_the_last_row_there_is_nothing(tables: Tables, group: str) -> None:
    await fill(tables, group, "anna@x.example")
    assert await rows_after(tables, (group,), Place(group_id=group, row_key="anna@x.example"), 5) == []
