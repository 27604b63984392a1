"""What the operators' page asks of the tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.storage.tables.ledger import Ledger
from enforcer.storage.tables.lookups import HeldPerson, held_people, history
from enforcer.storage.tables.plans import Plans
from enforcer.storage.tables.tables import Tables
from tests.support.ledger_entries import entry
from tests.support.paper_group import ANNA, BEN, ENDED, NOW, plan, row

pytestmark = pytest.mark.anyio

QUOTED = "o'hara@x.example"


async def test_a_persons_history_is_found_by_id_and_row_key_oldest_first(tables: Tables, group: str) -> None:
    by_id = replace(entry(group, "first"), user=ANNA.id, row_key="")
    by_key = replace(entry(group, "second"), user="", row_key=QUOTED)
    await Ledger(tables).append(group, [by_id, entry(group, "somebody else's"), by_key])

    found = await history(tables, group, [QUOTED, ANNA.id, ANNA.id])

    assert [one.outcome for one in found] == ["first", "second"]


async def test_without_any_key_there_is_no_history(tables: Tables, group: str) -> None:
    await Ledger(tables).append(group, [entry(group, "somebody else's")])
    assert await history(tables, group, []) == []


async def test_everyone_in_a_held_plan_is_found_with_their_row(tables: Tables, group: str) -> None:
    held = replace(plan(rows=[row(ANNA), row(BEN.mail)], members=[ANNA, BEN]), digest=f"digest of {group}")
    await Plans(tables).hold(held, NOW, "run 1")

    found = {person.user_id: person for person in await held_people(tables, held.digest)}

    assert found == {
        ANNA.id: HeldPerson(user_id=ANNA.id, row_key=ANNA.id, end_date=ENDED),
        BEN.id: HeldPerson(user_id=BEN.id, row_key=BEN.mail, end_date=ENDED),
    }
