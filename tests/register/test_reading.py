"""The register as people see it."""

from __future__ import annotations

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.register.reading import read_register
from tests.support.world import RUNNING, World

pytestmark = pytest.mark.anyio


async def test_rows_under_a_group_in_capitals_are_shown_with_what_is_wrong(world: World) -> None:
    stray = RegisterRow(group_id=world.group.id.upper(), row_key="anna@example.com", end_date=RUNNING)
    await world.services.register.save(stray)
    await world.register("ben@example.com", RUNNING)

    rows = {row.row_key: row for row in await read_register(world.services, [world.group.id])}

    assert rows["ben@example.com"].problem == ""
    assert "lower case" in rows["anna@example.com"].problem
    assert rows["anna@example.com"].due_at is None
