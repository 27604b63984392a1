"""The content of the register: values of any type, and only what we were asked to change."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from azure.core.exceptions import HttpResponseError
from azure.data.tables import EdmType, EntityProperty

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor, InvalidRow, RegisterRow, read_row
from enforcer.storage.tables.register import TABLE, Register
from enforcer.storage.tables.tables import Tables
from sandbox.storage_proxy import Calls, Fault, Moment, Reply, StorageProxy

pytestmark = pytest.mark.anyio


async def write(tables: Tables, group: str, row_key: str, **properties: Any) -> None:
    """Write a row as any tool would."""
    async with tables.table(TABLE) as table:
        await table.upsert_entity({"PartitionKey": group, "RowKey": row_key, **properties})


async def raw(tables: Tables, group: str, row_key: str) -> dict[str, Any]:
    async with tables.table(TABLE) as table:
        found = dict(await table.get_entity(group, row_key))
    return {name: value for name, value in found.items() if name not in ("PartitionKey", "RowKey")}


async def rows(tables: Tables, group: str) -> list[RegisterRow]:
    return [row async for row in Register(tables).rows(group)]


def new(group: str, row_key: str, **properties: Any) -> RegisterRow:
    return RegisterRow(group_id=group, row_key=row_key, **{"end_date": "2026-12-31", **properties})


@pytest.mark.parametrize("value", ["2026-12-31", datetime(2026, 12, 31, 17, tzinfo=UTC)])
async def test_a_date_and_a_time_are_dates(tables: Tables, group: str, value: object) -> None:
    await write(tables, group, "anna@x.example", EndDate=value, StartDate=datetime(2026, 1, 1, tzinfo=UTC))
    (row,) = await rows(tables, group)
    found = read_row(row, DateRules(zone=ZoneInfo("UTC")))
    assert isinstance(found, Contractor)
    assert type(found.due_at) is datetime
    assert found.due_at == (value if isinstance(value, datetime) else datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        ({}, "missing"),
        ({"EndDate": ""}, "''"),
        ({"EndDate": 20261231}, "type int"),
        ({"EndDate": EntityProperty(2**40, EdmType.INT64)}, f"type int ({2**40})"),
        ({"EndDate": 46387.5}, "type float"),
        ({"EndDate": float("nan")}, "type float"),
        ({"EndDate": True}, "type bool"),
        ({"EndDate": b"2026-12-31"}, "type bytes"),
        ({"EndDate": uuid4()}, "type UUID"),
        ({"EndDate": datetime(1601, 1, 1, tzinfo=UTC)}, "a placeholder"),
        ({"EndDate": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)}, "a placeholder"),
        ({"endDate": "2026-12-31"}, "missing"),
        ({"EndDate": "x" * 30_000}, "xxx"),
    ],
)
async def test_a_value_that_is_not_a_date_is_read_and_refused_never_dropped(
    tables: Tables, group: str, properties: dict[str, Any], kind: str
) -> None:
    await write(tables, group, "anna@x.example", **properties)
    (row,) = await rows(tables, group)
    found = read_row(row, DateRules(zone=ZoneInfo("UTC")))
    assert isinstance(found, InvalidRow)
    assert kind in found.problem
    assert len(found.problem) < 300


async def test_a_number_where_text_should_be_is_shown_as_a_number(tables: Tables, group: str) -> None:
    number = EntityProperty(4711, EdmType.INT64)
    columns = {"DisplayName": number, "Company": True, "Sponsor": 12, "Note": number, "StartDate": number}
    await write(tables, group, "anna@x.example", EndDate="2027-01-01", **columns)

    found = await Register(tables).whole_row(group, "anna@x.example")

    assert found is not None
    assert (found.display_name, found.company, found.sponsor, found.note) == ("4711", "True", "12", "4711")
    assert found.start_date == 4711


async def test_saving_leaves_alone_what_it_was_not_asked_to_change(tables: Tables, group: str) -> None:
    number = EntityProperty(2**40, EdmType.INT64)
    await write(tables, group, "anna@x.example", EndDate="2020-01-01", Company="X", Badge=number, Photo=b"1")
    await Register(tables).save(new(group, "anna@x.example", sponsor="boss@x.example"))
    assert await raw(tables, group, "anna@x.example") == {
        "EndDate": "2026-12-31",
        "Company": "X",
        "Sponsor": "boss@x.example",
        "Badge": number,
        "Photo": b"1",
    }


async def test_ending_a_row_changes_its_end_and_note_alone(tables: Tables, group: str) -> None:
    register, now = Register(tables), datetime(2026, 11, 23, 12, tzinfo=UTC)
    await write(tables, group, "anna@x.example", EndDate="2027-01-01", Company="X", Note="old")
    await register.end(group, "anna@x.example", now, "new")
    assert await raw(tables, group, "anna@x.example") == {"EndDate": now, "Company": "X", "Note": "new"}


async def test_ending_a_row_takes_its_start_away_where_that_is_wanted(tables: Tables, group: str) -> None:
    register, now = Register(tables), datetime(2026, 11, 23, 12, tzinfo=UTC)
    await write(tables, group, "anna@x.example", EndDate="2027-12-31", StartDate="2027-01-01")
    await register.end(group, "anna@x.example", now, "new", start_date="")
    assert await raw(tables, group, "anna@x.example") == {"EndDate": now, "StartDate": "", "Note": "new"}


async def test_a_deleted_row_is_neither_ended_nor_recreated(tables: Tables, group: str) -> None:
    await Register(tables).end(group, "anna@x.example", datetime(2026, 11, 23, tzinfo=UTC), "x")
    assert await rows(tables, group) == []
    await Register(tables).remove(group, "anna@x.example")


async def test_a_whole_row_comes_back_as_people_see_it(tables: Tables, group: str) -> None:
    register = Register(tables)
    row = new(
        group,
        "anna@x.example",
        start_date="2026-01-01",
        display_name="Anna 🦄",
        company="Bücher & Söhne",
        sponsor="boss@x.example",
        note="it's fine",
    )
    await register.save(row)
    assert await register.whole_row(group, "anna@x.example") == row
    assert await register.whole_rows(group) == [row]
    assert await register.whole_row(group, "ben@x.example") is None


async def test_texts_of_another_type_are_shown_as_text(tables: Tables, group: str) -> None:
    await write(tables, group, "anna@x.example", EndDate="2026-12-31", DisplayName=4711, Note=True)
    (row,) = await Register(tables).whole_rows(group)
    assert (row.display_name, row.note, row.company) == ("4711", "True", "")


async def test_rows_of_other_partitions_are_counted(tables: Tables, group: str) -> None:
    other = str(uuid4())
    for key in ("a@x.example", "b@x.example"):
        await write(tables, other, key)
    await write(tables, group, "a@x.example")
    assert await Register(tables).other_partitions([group]) == {other: 2}


# Importing -----------------------------------------------------------------------------------------------

TRANSACTIONS = Calls(method="POST", path=r"\$batch")


async def test_an_import_writes_hundreds_of_rows_of_several_groups(tables: Tables, group: str) -> None:
    other = str(uuid4())
    await Register(tables).import_all(
        [new(one, f"user{number}@x.example") for number in range(110) for one in (group, other)]
    )
    assert [len(await rows(tables, one)) for one in (group, other)] == [110, 110]


@pytest.mark.parametrize("moment", list(Moment))
async def test_an_import_that_fails_half_way_leaves_everything_as_it_was(
    shaky: Tables, storage: StorageProxy, group: str, moment: Moment
) -> None:
    await write(shaky, group, "user0@x.example", EndDate=5, Company="X")
    people = [new(group, f"user{number}@x.example", company="Y") for number in range(120)]
    storage.set_fault(Fault(calls=TRANSACTIONS, nth=2, moment=moment, reply=Reply.CONDITION_NOT_MET))
    with pytest.raises(HttpResponseError):
        await Register(shaky).import_all(people)
    assert [row.row_key for row in await rows(shaky, group)] == ["user0@x.example"]
    assert await raw(shaky, group, "user0@x.example") == {"EndDate": 5, "Company": "X"}


async def test_an_import_that_is_stopped_leaves_everything_as_it_was(
    shaky: Tables, storage: StorageProxy, group: str
) -> None:
    people = [new(group, f"user{number}@x.example") for number in range(120)]
    importing = asyncio.create_task(Register(shaky).import_all(people))
    while storage.count(TRANSACTIONS) < 2:  # noqa: ASYNC110 -- nobody tells
        await asyncio.sleep(0.005)
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    assert await rows(shaky, group) == []
