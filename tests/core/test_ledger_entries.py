"""Ledger entries say in which group and run, by whom, about whom and why."""

from __future__ import annotations

from enforcer.core.ledger import Action, Entry
from enforcer.core.ledger_entries import Context
from enforcer.core.offboarding_record import State
from tests.support.paper_group import ANNA, ENDED, GROUP, NOW, known

CONTEXT = Context(group_id=GROUP, run_id="run", actor="cli:ann", note="left at 14:10")


def test_an_entry_about_a_person_names_them_their_row_and_their_end() -> None:
    about = known(ANNA, State.OFFBOARDING, row_key=ANNA.mail)
    entry = CONTEXT.entry(Action.REMOVE, NOW, outcome="removed", about=about, request_id="request")
    assert entry == Entry(
        at="2026-11-23T12:00:00Z",
        actor="cli:ann",
        action=Action.REMOVE,
        group=GROUP,
        user=ANNA.id,
        row_key=ANNA.mail,
        run="run",
        end_date=ENDED,
        due_at="2026-11-23T00:00:00Z",
        outcome="removed",
        request_id="request",
        note="left at 14:10",
    )


def test_somebody_without_an_end_date_has_no_due_time() -> None:
    about = known(ANNA, State.OFFBOARDING, end_date="", due_at=None)
    entry = CONTEXT.entry(Action.REMOVE, NOW, outcome="removed", about=about)
    assert (entry.user, entry.end_date, entry.due_at) == (ANNA.id, "", "")


def test_an_entry_about_the_group_names_nobody() -> None:
    entry = CONTEXT.entry(Action.HOLD, NOW, outcome="held")
    assert (entry.group, entry.user, entry.row_key, entry.due_at) == (GROUP, "", "", "")
