"""Whoever tampers with the ledger's table is found out, and keeps nobody from writing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from enforcer.core.ledger import Action, Anchor, Break, Link
from enforcer.storage.tables.ledger import TABLE, Ledger
from enforcer.storage.tables.tables import Tables
from tests.support.ledger_entries import append_each, break_in, change, delete, entry, forge_head, key, row

pytestmark = pytest.mark.anyio

FOUR = ("one", "two", "three", "four")


@pytest.fixture
def ledger(tables: Tables) -> Ledger:
    return Ledger(tables)


@pytest.mark.parametrize(
    "column",
    [
        *("At", "Actor", "Action", "Group", "User", "ContractorKey", "RunId", "EndDate", "DueAt"),
        *("Outcome", "RequestId", "Note", "Previous", "Hash", "Writer"),
    ],
)
async def test_one_changed_byte_of_any_column_is_found_and_the_entry_named(
    tables: Tables, ledger: Ledger, group: str, column: str
) -> None:
    await append_each(ledger, group, *FOUR)
    before = (await row(tables, group, 2))[column]
    flipped = before[:-1] + chr(ord(before[-1]) ^ 1)
    await change(tables, group, 2, **{column: flipped})

    found = await break_in(ledger, group)

    assert found is not None
    assert (found.group, found.sequence) == (group, 2)


@pytest.mark.parametrize("column", ["Outcome", "Previous"])
async def test_an_entry_changed_and_rehashed_is_found_at_the_next_entry(
    tables: Tables, ledger: Ledger, group: str, column: str
) -> None:
    await append_each(ledger, group, *FOUR)
    other = str(uuid4())
    await ledger.append(other, [entry(group, "one")])
    await ledger.append(other, [entry(group, "changed")])
    changed = await row(tables, other, 2)
    await change(tables, group, 2, **{name: changed[name] for name in (column, "Hash", "Writer")})

    found = await break_in(ledger, group)

    assert found is not None
    assert found.sequence in {2, 3}


@pytest.mark.parametrize("value", [12, True, 1.5, b"x"])
async def test_a_column_of_another_type_is_found(
    tables: Tables, ledger: Ledger, group: str, value: object
) -> None:
    await append_each(ledger, group, *FOUR)
    await change(tables, group, 3, Note=value)

    found = await break_in(ledger, group)

    assert found == Break(group=group, sequence=3, reason="was changed after it was written: no text in Note")


async def test_a_column_that_was_put_in_is_found(tables: Tables, ledger: Ledger, group: str) -> None:
    await append_each(ledger, group, *FOUR)
    await change(tables, group, 3, Approved="yes")

    found = await break_in(ledger, group)

    assert found is not None
    assert (found.sequence, "Approved" in found.reason) == (3, True)


async def test_a_row_that_is_not_an_entry_is_found(tables: Tables, ledger: Ledger, group: str) -> None:
    await append_each(ledger, group, *FOUR)
    async with tables.table(TABLE) as table:
        await table.create_entity({"PartitionKey": group, "RowKey": "000000000002b", "Note": "x"})

    found = await break_in(ledger, group)

    assert found is not None
    assert "'000000000002b'" in found.reason


@pytest.mark.parametrize("sequence", [1, 2, 3])
async def test_a_deleted_entry_is_named(tables: Tables, ledger: Ledger, group: str, sequence: int) -> None:
    await append_each(ledger, group, *FOUR)
    await delete(tables, group, key(sequence))

    found = await break_in(ledger, group)

    assert found is not None
    assert (found.sequence, found.reason[:10]) == (sequence, "is missing")


async def test_two_swapped_entries_are_found_at_the_first_of_them(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await append_each(ledger, group, *FOUR)
    second, third = await row(tables, group, 2), await row(tables, group, 3)
    await change(tables, group, 2, **_contents(third))
    await change(tables, group, 3, **_contents(second))

    found = await break_in(ledger, group)

    assert found is not None
    assert found.sequence == 2


def _contents(entity: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entity.items() if name not in {"PartitionKey", "RowKey"}}


async def test_a_tail_that_was_cut_off_is_found(tables: Tables, ledger: Ledger, group: str) -> None:
    await append_each(ledger, group, *FOUR)
    await delete(tables, group, key(4))

    found = await break_in(ledger, group)

    assert found is not None
    assert (found.sequence, "ends at entry 3" in found.reason) == (4, True)


async def test_a_truncated_tail_with_its_head_is_found_by_recorded_heads(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await append_each(ledger, group, *FOUR)
    recorded = await ledger.head(group)
    third = await row(tables, group, 3)
    await delete(tables, group, key(4))
    await forge_head(tables, group, Sequence=3, Hash=third["Hash"])
    assert await break_in(ledger, group) is None

    anchor = Anchor(sequence=recorded.sequence, hash=recorded.hash, source="last night's report")
    found = await break_in(ledger, group, [anchor])

    assert found is not None
    assert (found.sequence, "last night's report" in found.reason) == (4, True)


async def test_a_rewritten_chain_is_found_by_recorded_heads(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await append_each(ledger, group, *FOUR)
    recorded = await ledger.head(group)
    for row_key in (*(key(sequence) for sequence in range(1, 5)), "head"):
        await delete(tables, group, row_key)
    forger = Ledger(tables)
    await append_each(forger, group, "one", "two", "forged", "four", "five")
    assert await break_in(forger, group) is None

    anchor = Anchor(sequence=recorded.sequence, hash=recorded.hash, source="last night's report")
    found = await break_in(ledger, group, [anchor])

    assert found is not None
    assert found.sequence == 4


@pytest.mark.parametrize(
    ("forged", "sequence"),
    [({"Sequence": 3}, 3), ({"Sequence": 9}, 9), ({"Hash": "f" * 64}, 4), ({"Sequence": "many"}, 1)],
)
async def test_a_forged_head_is_found(
    tables: Tables, ledger: Ledger, group: str, forged: dict[str, Any], sequence: int
) -> None:
    await append_each(ledger, group, *FOUR)
    await forge_head(tables, group, **forged)

    found = await break_in(ledger, group)

    assert found is not None
    assert found.sequence == sequence


async def test_the_chain_of_one_group_does_not_pass_for_that_of_another(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    other = str(uuid4())
    await append_each(ledger, other, *FOUR)
    async with tables.table(TABLE) as table:
        copied = [dict(found) async for found in table.query_entities(f"PartitionKey eq '{other}'")]
        for entity in copied:
            await table.create_entity({**entity, "PartitionKey": group})

    found = await break_in(ledger, group)

    assert found is not None
    assert (found.sequence, other in found.reason) == (1, True)


# Whoever breaks the ledger must not keep the enforcer from working ---------------------------------------


async def test_after_the_head_was_deleted_the_chain_goes_on_and_says_so(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await append_each(ledger, group, *FOUR)
    await delete(tables, group, "head")

    await append_each(Ledger(tables), group, "five")
    await append_each(ledger, group, "six")

    links = [link async for link in ledger.links(group)]
    assert [_told(link) for link in links[4:]] == [
        (Action.RESUME, "the head named entry 0; the last entry found is 4"),
        (Action.REMOVE, "five"),
        (Action.REMOVE, "six"),
    ]


async def test_after_the_head_was_turned_back_the_chain_goes_on_and_says_so(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await append_each(ledger, group, *FOUR)
    await forge_head(tables, group, Sequence=2, Hash=(await row(tables, group, 2))["Hash"])

    await append_each(Ledger(tables), group, "five")

    links = [link async for link in ledger.links(group)]
    assert [_told(link) for link in links[4:]] == [
        (Action.RESUME, "the head named entry 2; the last entry found is 4"),
        (Action.REMOVE, "five"),
    ]


def _told(link: Link) -> tuple[Action, str]:
    return link.entry.action, link.entry.outcome
