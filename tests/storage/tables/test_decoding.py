"""What others have left in a table is read without harm, row by row, and shown for what it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from enforcer.storage.tables.decoding import safe
from enforcer.storage.tables.register import Register
from enforcer.storage.tables.tables import Tables
from tests.support.spoiled_rows import HALF, insert

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("Edm.DateTime", "2026-12-31", "Edm.DateTime '2026-12-31'"),
        ("Edm.DateTime", "2026-12-31Z", "Edm.DateTime '2026-12-31Z'"),
        ("Edm.DateTime", "99999-01-01T00:00:00Z", "Edm.DateTime '99999-01-01T00:00:00Z'"),
        ("Edm.DateTime", "0000-01-01T00:00:00Z", "Edm.DateTime '0000-01-01T00:00:00Z'"),
        ("Edm.DateTime", 5, "Edm.DateTime 5"),
        ("Edm.DateTime", f"2026{HALF}", "Edm.DateTime '2026\\ud83d'"),
        ("Edm.DateTime", ["x"], "Edm.DateTime ['x']"),
        ("Edm.Int64", "x", "Edm.Int64 'x'"),
        ("Edm.Double", "x", "Edm.Double 'x'"),
        ("Edm.Guid", "x", "Edm.Guid 'x'"),
        ("Edm.Binary", "a", "Edm.Binary 'a'"),
        ("Edm.Unheard", "2026-12-31", "Edm.Unheard '2026-12-31'"),
    ],
)
def test_a_value_that_is_not_of_its_type_becomes_a_text_that_shows_it(
    kind: str, value: object, shown: str
) -> None:
    assert safe({"EndDate@odata.type": kind, "EndDate": value}) == {"EndDate": shown}


@pytest.mark.parametrize(
    "entity",
    [
        {"EndDate@odata.type": "Edm.DateTime", "EndDate": "2026-12-31T00:00:00.1234567Z"},
        {"EndDate@odata.type": "Edm.Int64", "EndDate": "5"},
        {"EndDate@odata.type": "Edm.Double", "EndDate": "NaN"},
        {"EndDate@odata.type": "Edm.Guid", "EndDate": "11111111-2222-3333-4444-555555555555"},
        {"EndDate@odata.type": "Edm.Binary", "EndDate": "YWI="},
        {"odata.etag": "W/\"datetime'2026'\"", "EndDate": "2026-12-31", "Note": "wide 🎉 and plain"},
    ],
)
def test_what_can_be_read_stays_as_it_is(entity: dict[str, Any]) -> None:
    assert safe(entity) == entity


def test_a_null_is_nothing_whatever_its_type() -> None:
    assert safe({"EndDate@odata.type": "Edm.DateTime", "EndDate": None}) == {}
    assert safe({"EndDate": None}) == {"EndDate": None}


def test_half_a_surrogate_pair_is_shown_in_escapes_in_values_and_in_names() -> None:
    assert safe({f"N{HALF}te": f"x{HALF}y\udc00"}) == {"N\\ud83dte": "x\\ud83dy\\udc00"}


@pytest.mark.parametrize("key", [f"ann{HALF}@x.example", f"{HALF}", f"zoë@x.example{HALF}"])
async def test_a_row_whose_key_holds_half_a_pair_is_read_with_all_the_others(
    tables: Tables, group: str, key: str
) -> None:
    register = Register(tables)
    for row_key in ("a@x.example", key, "z@x.example"):
        await insert(tables, "contractors", PartitionKey=group, RowKey=row_key, EndDate="2026-12-31")

    shown = key.replace(HALF, "\\ud83d")
    everybody = {"a@x.example", "z@x.example", shown}
    assert {row.row_key for row in await register.whole_rows(group)} == everybody
    assert set(await register.keys(group)) == everybody
    assert {row.row_key async for row in register.rows(group)} == everybody
    # Nobody can ask for it: it is as if it were not there, and no error.
    assert await register.whole_row(group, shown) is None
    assert await register.row(group, shown) is None


async def test_a_large_register_is_read_once_even_if_a_page_ends_with_such_a_key(
    tables: Tables, group: str
) -> None:
    register, keys = Register(tables), [f"a{number:04}@x.example" for number in range(1_100)]
    async with tables.table("contractors") as client:
        for start in range(0, 1_100, 100):
            rows = [{"PartitionKey": group, "RowKey": key} for key in keys[start : start + 100]]
            await client.submit_transaction([("create", row) for row in rows])
        await client.delete_entity(group, keys[999])
    await insert(tables, "contractors", PartitionKey=group, RowKey=f"a0999{HALF}", EndDate="2026-12-31")

    found = await register.keys(group)

    assert len(found) == 1_100
    assert set(found) == {*keys[:999], "a0999\\ud83d", *keys[1000:]}


async def test_rows_changed_since_are_returned_even_if_their_key_is_invalid(
    tables: Tables, group: str
) -> None:
    await insert(tables, "contractors", PartitionKey=group, RowKey=f"a{HALF}", EndDate="2099-12-31")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)

    (found,) = await Register(tables).changed(group, long_ago, [""], besides="b@x.example")

    assert found.row_key == "a\\ud83d"
