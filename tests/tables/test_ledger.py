"""The ledger on real tables: writers at the same time, lost answers, and whoever tampers with it."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from enforcer.core.ledger import Action, Anchor, Break, Entry, Link
from enforcer.exceptions import UnavailableError
from enforcer.settings import Storage
from enforcer.tables.ledger import TABLE, Ledger
from enforcer.tables.storage import Tables
from sandbox.azurite import StorageEndpoints
from sandbox.storage_proxy import Calls, Fault, Moment, Reply, Service, running_storage_proxy_async

pytestmark = pytest.mark.anyio

TRANSACTIONS = Calls(service=Service.TABLE, method="POST", path=r"\$batch")


@pytest.fixture
async def tables(azurite: StorageEndpoints) -> AsyncIterator[Tables]:
    async with Tables(Storage(connection_string=azurite.connection_string)) as opened:
        yield opened


@pytest.fixture
def ledger(tables: Tables) -> Ledger:
    return Ledger(tables)


@pytest.fixture
def group() -> str:
    return str(uuid4())


def entry(group: str, outcome: str, note: str = "why") -> Entry:
    return Entry(
        at="2026-11-23T00:30:00Z",
        actor="timer",
        action=Action.REMOVE,
        group=group,
        user="11111111-2222-3333-4444-555555555555",
        row_key="ada@contoso.com",
        run="20261123T003000-aaaaaa",
        end_date="2026-11-22",
        due_at="2026-11-23T00:00:00Z",
        outcome=outcome,
        request_id="6a3f",
        note=note,
    )


async def outcomes(ledger: Ledger, group: str) -> list[str]:
    return [link.entry.outcome async for link in ledger.links(group)]


async def change(tables: Tables, group: str, sequence: int, **columns: Any) -> None:
    async with tables.table(TABLE) as table:
        await table.update_entity({"PartitionKey": group, "RowKey": f"{sequence:012d}", **columns})


async def delete(tables: Tables, group: str, row_key: str) -> None:
    async with tables.table(TABLE) as table:
        await table.delete_entity(group, row_key)


async def row(tables: Tables, group: str, sequence: int) -> dict[str, Any]:
    async with tables.table(TABLE) as table:
        return dict(await table.get_entity(group, f"{sequence:012d}"))


async def forge_head(tables: Tables, group: str, **columns: Any) -> None:
    async with tables.table(TABLE) as table:
        await table.update_entity({"PartitionKey": group, "RowKey": "head", **columns})


async def write_four(ledger: Ledger, group: str) -> None:
    for outcome in ("one", "two", "three", "four"):
        await ledger.append(group, [entry(group, outcome)])


# Writing -------------------------------------------------------------------------------------------------


async def test_entries_come_back_in_the_order_in_which_they_were_appended(ledger: Ledger, group: str) -> None:
    await ledger.append(group, [entry(group, str(number)) for number in range(250)])
    await ledger.append(group, [entry(group, "last")])

    assert await outcomes(ledger, group) == [*map(str, range(250)), "last"]
    assert (await ledger.head(group)).sequence == 251
    assert await ledger.first_break(group) is None


@hypothesis_settings(max_examples=25)
@given(texts=st.lists(st.text(st.characters(codec=None)), min_size=1, max_size=5))
async def test_any_text_is_kept_so_that_the_chain_fits(ledger: Ledger, texts: list[str]) -> None:
    group = str(uuid4())
    await ledger.append(group, [entry(group, text, text) for text in texts])

    assert await ledger.first_break(group) is None
    kept = [text.encode("utf-8", "replace").decode() for text in texts]
    assert await outcomes(ledger, group) == kept


async def test_a_text_that_no_table_could_hold_is_cut(ledger: Ledger, group: str) -> None:
    await ledger.append(group, [entry(group, "x" * 100_000) for _ in range(98)])

    kept = await outcomes(ledger, group)
    assert {len(outcome) for outcome in kept} == {2_000}
    assert kept[0].endswith("…")


async def test_writers_of_one_process_never_fork_the_chain_nor_lose_equal_entries(
    tables: Tables, group: str
) -> None:
    ledgers = [Ledger(tables) for _ in range(5)]

    await asyncio.gather(
        *(writer.append(group, [entry(group, "same")]) for writer in ledgers for _ in range(10))
    )

    assert await outcomes(ledgers[0], group) == ["same"] * 50
    assert await ledgers[0].first_break(group) is None


async def test_two_processes_never_fork_the_chain(
    azurite: StorageEndpoints, ledger: Ledger, group: str
) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.tables.ledger_writer"),
            *(azurite.connection_string, group, name, "40"),
        )
        for name in ("one", "two")
    ]
    assert [await process.wait() for process in processes] == [0, 0]

    written = [(link.entry.actor, int(link.entry.outcome)) async for link in ledger.links(group)]
    assert Counter(actor for actor, _ in written) == {"one": 40, "two": 40}
    for name in ("one", "two"):
        assert [number for actor, number in written if actor == name] == list(range(40))
    assert await ledger.first_break(group) is None


async def test_a_check_while_somebody_writes_finds_nothing_wrong(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await write_four(ledger, group)
    writing = asyncio.create_task(_keep_writing(Ledger(tables), group))
    found = [await ledger.first_break(group) for _ in range(10)]
    await writing

    assert found == [None] * 10


async def _keep_writing(ledger: Ledger, group: str) -> None:
    for number in range(40):
        await ledger.append(group, [entry(group, str(number))])


# What is lost on the way ---------------------------------------------------------------------------------


@asynccontextmanager
async def behind_proxy(azurite: StorageEndpoints, *faults: Fault) -> AsyncIterator[Ledger]:
    async with running_storage_proxy_async(azurite) as proxy:
        storage = Storage(connection_string=proxy.endpoints.connection_string)
        async with Tables(storage) as tables:
            ledger = Ledger(tables)
            await ledger.head("warm")
            for fault in faults:
                proxy.set_fault(fault)
            yield ledger


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("reply", [Reply.DROPPED, Reply.SERVER_BUSY])
@pytest.mark.parametrize("nth", [1, 2])
async def test_an_answer_that_is_lost_loses_and_doubles_nothing(
    azurite: StorageEndpoints, group: str, moment: Moment, reply: Reply, nth: int
) -> None:
    fault = Fault(calls=TRANSACTIONS, nth=nth, moment=moment, reply=reply)
    async with behind_proxy(azurite, fault) as ledger:
        for outcome in ("one", "two", "three"):
            await ledger.append(group, [entry(group, outcome)])

        assert await outcomes(ledger, group) == ["one", "two", "three"]
        assert await ledger.first_break(group) is None


async def test_a_storage_that_stays_away_is_reported_and_nothing_is_doubled_later(
    azurite: StorageEndpoints, group: str
) -> None:
    away = Fault(calls=TRANSACTIONS, times=4, reply=Reply.DROPPED)
    async with behind_proxy(azurite, away) as ledger:
        with pytest.raises(UnavailableError):
            await ledger.append(group, [entry(group, "one")])
        await ledger.append(group, [entry(group, "two")])
        await ledger.append(group, [entry(group, "three")])

        assert await outcomes(ledger, group) == ["two", "three"]
        assert await ledger.first_break(group) is None


# Who tampers with it -------------------------------------------------------------------------------------


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
    await write_four(ledger, group)
    before = (await row(tables, group, 2))[column]
    flipped = before[:-1] + chr(ord(before[-1]) ^ 1)
    await change(tables, group, 2, **{column: flipped})

    found = await ledger.first_break(group)

    assert found is not None
    assert (found.group, found.sequence) == (group, 2)


@pytest.mark.parametrize("column", ["Outcome", "Previous"])
async def test_an_entry_that_was_changed_and_hashed_anew_is_found_at_the_next_one(
    tables: Tables, ledger: Ledger, group: str, column: str
) -> None:
    await write_four(ledger, group)
    other = str(uuid4())
    await ledger.append(other, [entry(group, "one")])
    await ledger.append(other, [entry(group, "changed")])
    changed = await row(tables, other, 2)
    await change(tables, group, 2, **{name: changed[name] for name in (column, "Hash", "Writer")})

    found = await ledger.first_break(group)

    assert found is not None
    assert found.sequence in {2, 3}


@pytest.mark.parametrize("value", [12, True, 1.5, b"x"])
async def test_a_column_of_another_type_is_found(
    tables: Tables, ledger: Ledger, group: str, value: object
) -> None:
    await write_four(ledger, group)
    await change(tables, group, 3, Note=value)

    found = await ledger.first_break(group)

    assert found == Break(group=group, sequence=3, reason="was changed after it was written: no text in Note")


async def test_a_column_that_was_put_in_is_found(tables: Tables, ledger: Ledger, group: str) -> None:
    await write_four(ledger, group)
    await change(tables, group, 3, Approved="yes")

    found = await ledger.first_break(group)

    assert found is not None
    assert (found.sequence, "Approved" in found.reason) == (3, True)


async def test_a_row_that_is_no_entry_is_found(tables: Tables, ledger: Ledger, group: str) -> None:
    await write_four(ledger, group)
    async with tables.table(TABLE) as table:
        await table.create_entity({"PartitionKey": group, "RowKey": "000000000002b", "Note": "x"})

    found = await ledger.first_break(group)

    assert found is not None
    assert "'000000000002b'" in found.reason


@pytest.mark.parametrize("sequence", [1, 2, 3])
async def test_a_deleted_entry_is_named(tables: Tables, ledger: Ledger, group: str, sequence: int) -> None:
    await write_four(ledger, group)
    await delete(tables, group, f"{sequence:012d}")

    found = await ledger.first_break(group)

    assert found is not None
    assert (found.sequence, found.reason[:10]) == (sequence, "is missing")


async def test_two_swapped_entries_are_found_at_the_first_of_them(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await write_four(ledger, group)
    second, third = await row(tables, group, 2), await row(tables, group, 3)
    await change(tables, group, 2, **_contents(third))
    await change(tables, group, 3, **_contents(second))

    found = await ledger.first_break(group)

    assert found is not None
    assert found.sequence == 2


def _contents(entity: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entity.items() if name not in {"PartitionKey", "RowKey"}}


async def test_a_tail_that_was_cut_off_is_found(tables: Tables, ledger: Ledger, group: str) -> None:
    await write_four(ledger, group)
    await delete(tables, group, "000000000004")

    found = await ledger.first_break(group)

    assert found is not None
    assert (found.sequence, "ends at entry 3" in found.reason) == (4, True)


async def test_a_tail_that_was_cut_off_together_with_the_head_is_found_by_what_was_recorded_elsewhere(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await write_four(ledger, group)
    recorded = await ledger.head(group)
    third = await row(tables, group, 3)
    await delete(tables, group, "000000000004")
    await forge_head(tables, group, Sequence=3, Hash=third["Hash"])
    assert await ledger.first_break(group) is None

    anchor = Anchor(sequence=recorded.sequence, hash=recorded.hash, source="last night's report")
    found = await ledger.first_break(group, [anchor])

    assert found is not None
    assert (found.sequence, "last night's report" in found.reason) == (4, True)


async def test_a_chain_that_was_written_anew_is_found_by_what_was_recorded_elsewhere(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await write_four(ledger, group)
    recorded = await ledger.head(group)
    for row_key in (*(f"{sequence:012d}" for sequence in range(1, 5)), "head"):
        await delete(tables, group, row_key)
    forger = Ledger(tables)
    for outcome in ("one", "two", "forged", "four", "five"):
        await forger.append(group, [entry(group, outcome)])
    assert await forger.first_break(group) is None

    anchor = Anchor(sequence=recorded.sequence, hash=recorded.hash, source="last night's report")
    found = await ledger.first_break(group, [anchor])

    assert found is not None
    assert found.sequence == 4


@pytest.mark.parametrize(
    ("forged", "sequence"),
    [({"Sequence": 3}, 3), ({"Sequence": 9}, 9), ({"Hash": "f" * 64}, 4), ({"Sequence": "many"}, 1)],
)
async def test_a_forged_head_is_found(
    tables: Tables, ledger: Ledger, group: str, forged: dict[str, Any], sequence: int
) -> None:
    await write_four(ledger, group)
    await forge_head(tables, group, **forged)

    found = await ledger.first_break(group)

    assert found is not None
    assert found.sequence == sequence


async def test_the_chain_of_one_group_does_not_pass_for_that_of_another(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    other = str(uuid4())
    await write_four(ledger, other)
    async with tables.table(TABLE) as table:
        copied = [dict(found) async for found in table.query_entities(f"PartitionKey eq '{other}'")]
        for entity in copied:
            await table.create_entity({**entity, "PartitionKey": group})

    found = await ledger.first_break(group)

    assert found is not None
    assert (found.sequence, other in found.reason) == (1, True)


# Whoever breaks the ledger must not keep the enforcer from working ---------------------------------------


async def test_after_the_head_was_deleted_the_chain_goes_on_and_says_so(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await write_four(ledger, group)
    await delete(tables, group, "head")

    await Ledger(tables).append(group, [entry(group, "five")])
    await ledger.append(group, [entry(group, "six")])

    links = [link async for link in ledger.links(group)]
    assert [_told(link) for link in links[4:]] == [
        (Action.RESUME, "the head named entry 0; the last entry found is 4"),
        (Action.REMOVE, "five"),
        (Action.REMOVE, "six"),
    ]


async def test_after_the_head_was_turned_back_the_chain_goes_on_and_says_so(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await write_four(ledger, group)
    await forge_head(tables, group, Sequence=2, Hash=(await row(tables, group, 2))["Hash"])

    await Ledger(tables).append(group, [entry(group, "five")])

    links = [link async for link in ledger.links(group)]
    assert [_told(link) for link in links[4:]] == [
        (Action.RESUME, "the head named entry 2; the last entry found is 4"),
        (Action.REMOVE, "five"),
    ]


def _told(link: Link) -> tuple[Action, str]:
    return link.entry.action, link.entry.outcome
