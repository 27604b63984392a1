"""What the enforcer knows about each contractor, kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enforcer.core.offboarding_record import OffboardingRecord, Proof, Sessions, State, UnreadableRecord
from enforcer.core.user_kind import UserKind
from enforcer.storage.tables.enforcements import TABLE, Enforcements
from enforcer.storage.tables.tables import Tables
from tests.support.spoiled_rows import HALF, insert

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
LEAST = OffboardingRecord(row_key="anna@x.example", user_id="u", state=State.OFFBOARDING)
WHOLE = OffboardingRecord(
    row_key="11111111-2222-3333-4444-555555555555",
    user_id="11111111-2222-3333-4444-555555555555",
    state=State.STUCK,
    end_date="2026-11-22",
    due_at=AT,
    user_kind=UserKind.EXTERNAL,
    removed_at=AT,
    revoked_at=AT,
    disabled_at=AT,
    verified_at=AT,
    sessions=Sessions.HOME_TENANT,
    proof=Proof.BLOCKED,
    proof_policy="No group, no access",
    attempts=7,
    next_attempt_at=AT,
    last_error="remove: 403",
    run_id="20261123T003000-abcdef",
)


@pytest.mark.parametrize("item", [LEAST, WHOLE])
async def test_an_enforcement_comes_back_as_it_was(
    tables: Tables, group: str, item: OffboardingRecord
) -> None:
    records = Enforcements(tables)
    await records.save(group, [item])
    assert await records.get(group, item.row_key) == item
    assert [found async for found in records.of_group(group)] == [item]
    assert await records.all_of_group(group) == [item]


async def test_the_columns_are_those_of_the_documentation(tables: Tables, group: str) -> None:
    await Enforcements(tables).save(group, [WHOLE])
    async with tables.table(TABLE) as table:
        entity = dict(await table.get_entity(group, WHOLE.row_key))
    assert entity["State"] == "stuck"
    assert entity["Sessions"] == "home_tenant"
    assert entity["UserKind"] == "external"
    assert entity["Attempts"] == 7
    times = ("DueAt", "RemovedAt", "RevokedAt", "DisabledAt", "VerifiedAt", "NextAttemptAt")
    assert all(isinstance(entity[name], datetime) for name in times)
    assert {"EndDate", "LastError", "RunId", "UserId"} <= entity.keys()


async def test_what_no_longer_applies_is_gone(tables: Tables, group: str) -> None:
    records = Enforcements(tables)
    await records.save(group, [WHOLE])
    again = replace(LEAST, row_key=WHOLE.row_key)
    await records.save(group, [again])
    assert await records.get(group, WHOLE.row_key) == again


async def test_nobody_knows_anything_about_a_stranger(tables: Tables, group: str) -> None:
    records = Enforcements(tables)
    assert await records.get(group, "anna@x.example") is None
    await records.forget(group, "anna@x.example")
    assert await records.all_of_group(group) == []


async def test_a_forgotten_one_is_gone(tables: Tables, group: str) -> None:
    records = Enforcements(tables)
    await records.save(group, [LEAST, WHOLE])
    await records.forget(group, LEAST.row_key)
    assert await records.all_of_group(group) == [WHOLE]


async def test_many_at_the_same_time_are_all_kept_and_the_newest_word_counts(
    tables: Tables, group: str
) -> None:
    records = Enforcements(tables)
    people = [replace(LEAST, row_key=f"user{number}@x.example") for number in range(250)]
    await asyncio.gather(*(records.save(group, [item]) for item in people))
    await records.save(group, [people[0], replace(people[0], attempts=3)])
    found = await records.all_of_group(group)
    assert len(found) == 250
    assert replace(people[0], attempts=3) in found


async def test_groups_know_nothing_of_each_other(tables: Tables, group: str) -> None:
    records = Enforcements(tables)
    await records.save(group, [LEAST])
    assert await records.get(group.replace("-", "0"), LEAST.row_key) is None


async def test_a_record_without_a_state_is_unreadable_but_other_gaps_are_not(
    tables: Tables, group: str
) -> None:
    records = Enforcements(tables)
    await insert(tables, TABLE, PartitionKey=group, RowKey="ben@x.example", State=f"stuck{HALF}")
    await insert(
        tables,
        TABLE,
        PartitionKey=group,
        RowKey="cal@x.example",
        State="stuck",
        UserId=5,
        Guest="maybe",
        DueAt="x",
        DueAt_type="Edm.DateTime",
        Sessions="lost",
        Attempts="many",
    )

    readable = OffboardingRecord(row_key="cal@x.example", user_id="", state=State.STUCK)
    unreadable = UnreadableRecord(row_key="ben@x.example")
    found = await records.all_of_group(group)
    assert sorted(found, key=lambda record: record.row_key) == [unreadable, readable]
    assert [item async for item in records.of_group(group)] == [readable]
    assert await records.get(group, "ben@x.example") is None
    # Of a key that there cannot be nothing is known.
    assert await records.get(group, "a/b") is None
