"""A register full of other programs' bad input, in real tables: nobody is removed because of it."""

from __future__ import annotations

from itertools import batched
from typing import Any

import pytest

from enforcer.core.plan import FindingKind
from enforcer.storage.tables.register import TABLE
from enforcer.storage.tables.tables import TRANSACTION_SIZE
from sandbox.directory import User
from tests.support.bad_input import NO_DATES, NO_KEYS
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

# A table cannot hold these in a key.
FORBIDDEN = frozenset("/\\#?%")


@pytest.fixture
def environ() -> dict[str, str]:
    """Settings under which the product acts whenever it may, without a brake."""
    return {
        "ENFORCER_UNREGISTERED": "offboard",
        "ENFORCER_ONBOARD": "add",
        "ENFORCER_DISABLE_ACCOUNTS": "all",
        "ENFORCER_BRAKE_PERCENT": "100",
    }


async def write(world: World, rows: dict[str, dict[str, Any]]) -> None:
    """Write rows as any tool would; properties that are None are omitted."""
    async with world.services.tables.table(TABLE) as table:
        for chunk in batched(rows.items(), TRANSACTION_SIZE, strict=False):
            keys = [{"PartitionKey": world.group.id, "RowKey": key, **more} for key, more in chunk]
            entities = [
                {name: value for name, value in one.items() if value is not None and value == value}  # noqa: PLR0124
                for one in keys
            ]
            await table.submit_transaction([("upsert", entity) for entity in entities])


def keys_for(user: User, number: int) -> list[str]:
    bare, name = user.id.replace("-", ""), f"Person {number}"
    filled = [text.format(guid=user.id, bare=bare, mail=user.mail, name=name) for text in NO_KEYS]
    return [key for key in filled if key and not FORBIDDEN & set(key)]


async def test_nobody_goes_or_comes_and_every_row_is_named(world: World) -> None:
    users = [world.member(f"Person {number}") for number in range(len(NO_DATES))]
    rows: dict[str, dict[str, Any]] = {}
    for number, (user, end) in enumerate(zip(users, NO_DATES, strict=True)):
        rows[user.id if number % 2 else user.mail or ""] = {"EndDate": end, "Note": "🦄", "Anything": number}
        rows |= {key: {"EndDate": ENDED if number % 3 else RUNNING} for key in keys_for(user, number)}
    await write(world, rows)

    report = await world.sweep()

    assert world.member_ids() == {user.id for user in users}
    assert world.graph_writes() == []
    assert report.run.due == 0
    named = {found.row_key for found in report.findings if found.kind is FindingKind.INVALID_ROW}
    assert named == rows.keys()
    assert all(len(found.detail) < 300 for found in report.findings)


async def test_good_rows_among_bad_ones_are_acted_upon(world: World) -> None:
    anna, ben, cleo = (world.member(name) for name in ("Anna", "Ben", "Cleo"))
    await write(
        world,
        {
            anna.id: {"EndDate": ENDED, "StartDate": 5},
            (ben.mail or "").upper(): {"EndDate": RUNNING},
            cleo.id: {"EndDate": "2026-02-30"},
            "Somebody": {"EndDate": ENDED},
        },
    )
    report = await world.sweep()
    assert world.member_ids() == {ben.id, cleo.id}
    assert (report.run.due, report.run.removed) == (1, 1)
    assert {found.row_key for found in report.findings} == {anna.id, cleo.id, "Somebody"}
