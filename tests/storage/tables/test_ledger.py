"""The ledger on real tables: writers at the same time, and answers that are lost on the way."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from enforcer.core.exceptions import UnavailableError
from enforcer.storage.tables.ledger import Ledger
from enforcer.storage.tables.tables import Tables
from sandbox.azurite import StorageEndpoints
from sandbox.storage_proxy import Calls, Fault, Moment, Reply, Service, StorageProxy
from tests.support.ledger_entries import append_each, break_in, entry

pytestmark = pytest.mark.anyio

TRANSACTIONS = Calls(service=Service.TABLE, method="POST", path=r"\$batch")
LOST_ANSWERS = [
    Fault(calls=TRANSACTIONS, nth=nth, moment=moment, reply=reply)
    for nth, moment, reply in product((1, 2), Moment, (Reply.DROPPED, Reply.SERVER_BUSY))
]


@pytest.fixture
def ledger(tables: Tables) -> Ledger:
    return Ledger(tables)


async def outcomes(ledger: Ledger, group: str) -> list[str]:
    return [link.entry.outcome async for link in ledger.links(group)]


async def test_entries_come_back_in_the_order_in_which_they_were_appended(ledger: Ledger, group: str) -> None:
    await ledger.append(group, [entry(group, str(number)) for number in range(250)])
    await ledger.append(group, [entry(group, "last")])

    assert await outcomes(ledger, group) == [*map(str, range(250)), "last"]
    assert (await ledger.head(group)).sequence == 251
    assert await break_in(ledger, group) is None


@hypothesis_settings(max_examples=25)
@given(texts=st.lists(st.text(st.characters(codec=None)), min_size=1, max_size=5))
async def test_any_text_is_kept_so_that_the_chain_fits(ledger: Ledger, texts: list[str]) -> None:
    group = str(uuid4())
    await ledger.append(group, [entry(group, text, text) for text in texts])

    assert await break_in(ledger, group) is None
    kept = [text.encode("utf-8", "replace").decode() for text in texts]
    assert await outcomes(ledger, group) == kept


async def test_a_text_that_no_table_could_hold_is_cut(ledger: Ledger, group: str) -> None:
    await ledger.append(group, [entry(group, "x" * 100_000) for _ in range(98)])

    kept = await outcomes(ledger, group)
    assert {len(outcome) for outcome in kept} == {2_000}
    assert kept[0].endswith("…")


async def test_writers_in_one_process_neither_fork_the_chain_nor_lose_entries(
    tables: Tables, group: str
) -> None:
    ledgers = [Ledger(tables) for _ in range(5)]

    await asyncio.gather(
        *(writer.append(group, [entry(group, "same")]) for writer in ledgers for _ in range(10))
    )

    assert await outcomes(ledgers[0], group) == ["same"] * 50
    assert await break_in(ledgers[0], group) is None


async def test_two_processes_never_fork_the_chain(
    azurite: StorageEndpoints, ledger: Ledger, group: str
) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.ledger_writer"),
            *(azurite.connection_string, group, name, "20"),
        )
        for name in ("one", "two")
    ]
    assert [await process.wait() for process in processes] == [0, 0]

    written = [(link.entry.actor, int(link.entry.outcome)) async for link in ledger.links(group)]
    assert Counter(actor for actor, _ in written) == {"one": 20, "two": 20}
    for name in ("one", "two"):
        assert [number for actor, number in written if actor == name] == list(range(20))
    assert await break_in(ledger, group) is None


async def test_a_check_while_somebody_writes_finds_nothing_wrong(
    tables: Tables, ledger: Ledger, group: str
) -> None:
    await append_each(ledger, group, *"abcd")
    writing = asyncio.create_task(append_each(Ledger(tables), group, *map(str, range(40))))
    found = [await break_in(ledger, group) for _ in range(10)]
    await writing

    assert found == [None] * 10


# What is lost on the way ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", LOST_ANSWERS)
async def test_an_answer_that_is_lost_loses_and_doubles_nothing(
    shaky: Tables, storage: StorageProxy, group: str, fault: Fault
) -> None:
    ledger = Ledger(shaky)
    storage.set_fault(fault)

    await append_each(ledger, group, "one", "two", "three")

    assert await outcomes(ledger, group) == ["one", "two", "three"]
    assert await break_in(ledger, group) is None


async def test_a_storage_outage_is_reported_and_nothing_is_written_twice_later(
    shaky: Tables, storage: StorageProxy, group: str
) -> None:
    ledger = Ledger(shaky)
    storage.set_fault(Fault(calls=TRANSACTIONS, times=4, reply=Reply.DROPPED))

    with pytest.raises(UnavailableError):
        await append_each(ledger, group, "one")
    await append_each(ledger, group, "two", "three")

    assert await outcomes(ledger, group) == ["two", "three"]
    assert await break_in(ledger, group) is None
