"""The register as people see it."""

from __future__ import annotations

import pytest

from enforcer.core.contractors import Registration
from enforcer.register.reading import read_register
from tests.support.register_rows import row
from tests.support.world import RUNNING, World

pytestmark = pytest.mark.anyio


async def test_rows_under_a_group_in_capitals_are_shown_with_what_is_wrong(world: World) -> None:
    stray = Registration(group_id=world.group.id.upper(), row_key="anna@example.com", end_date=RUNNING)
    await world.services.register.save(stray)
    await world.register("ben@example.com", RUNNING)

    rows = {row.key: row for row in await read_register(world.services, [world.group.id])}

    assert rows["ben@example.com"].problem == ""
    assert "lower case" in rows["anna@example.com"].problem
    assert rows["anna@example.com"].due_at is None


async def test_a_row_without_a_name_is_called_by_its_key() -> None:
    assert row("anna@example.com", RUNNING, display_name=" ").name == "anna@example.com"


async def test_a_row_is_meant_by_a_guests_name_with_its_number_sign() -> None:
    guest = row("anna_example.com%23EXT%23@contoso.com", RUNNING)
    assert guest.is_named({"anna_example.com#ext#@contoso.com"})
