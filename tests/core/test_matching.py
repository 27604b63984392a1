"""Rows that nobody can act upon, because nobody can tell what they say or whom they mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.core.enforcement import State
from enforcer.core.members import Member
from enforcer.core.plan import FindingKind
from enforcer.settings import Onboarding, Unregistered
from tests.core.group import (
    ANNA,
    BEN,
    ENDED,
    GROUP,
    RUNNING,
    found,
    known,
    out,
    person,
    plan,
    row,
)

UNREADABLE = "when the project ends"


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("members", [[ANNA], []])
def test_an_unreadable_row_is_found_and_nobody_is_acted_upon(members: list[Member], state: State) -> None:
    made = plan(
        rows=[row(ANNA, UNREADABLE)],
        members=members,
        enforcements=[known(ANNA, state)],
        unregistered=Unregistered.OFFBOARD,
        onboard=Onboarding.ADD,
    )
    assert found(made) == [(FindingKind.INVALID_ROW, ANNA.id, None)]
    assert (made.due, made.withdraw, made.onboard) == (0, (), ())


def test_two_rows_for_one_member_are_found_and_he_is_left_alone() -> None:
    made = plan(rows=[row(ANNA), row(ANNA.mail, RUNNING)], members=[ANNA])
    assert made.due == 0
    assert found(made) == [
        (FindingKind.AMBIGUOUS_ROW, ANNA.id, ANNA.id),
        (FindingKind.AMBIGUOUS_ROW, ANNA.mail, ANNA.id),
    ]


def test_a_row_that_means_two_members_is_found_and_both_are_left_alone() -> None:
    members = [person(1, mail="team@contoso.example"), person(2, mail="TEAM@contoso.example")]
    made = plan(rows=[row("team@contoso.example")], members=members, unregistered=Unregistered.OFFBOARD)
    assert made.due == 0
    assert found(made) == [(FindingKind.AMBIGUOUS_ROW, "team@contoso.example", None)]


def test_two_rows_for_somebody_who_is_no_member_add_nobody() -> None:
    made = plan(rows=[row("a@b.example", RUNNING), row("A@b.example", ENDED)], onboard=Onboarding.ADD)
    assert not made.onboard
    assert found(made) == [(FindingKind.AMBIGUOUS_ROW, "a@b.example", None)]


def test_a_row_in_a_partition_in_capitals_is_found_and_its_member_left_alone() -> None:
    stray = RegisterRow(partition_key=GROUP.replace("0", "F"), row_key=ANNA.id, end_date=ENDED)
    made = plan(rows=[stray], members=[ANNA], unregistered=Unregistered.OFFBOARD)
    assert found(made) == [(FindingKind.INVALID_ROW, ANNA.id, None)]
    assert made.due == 0


def test_a_member_whom_a_moving_page_lists_twice_is_one_member() -> None:
    made = plan(rows=[row(ANNA)], members=[ANNA, BEN, ANNA], unregistered=Unregistered.REPORT)
    assert (out(made), made.members) == ([ANNA.id], 2)


@pytest.mark.parametrize("key", [f"{{{ANNA.id}}}", f"<{ANNA.mail}>", ANNA.id.replace("-", "")])
def test_a_row_that_tells_whom_it_means_but_not_properly_protects_him(key: str) -> None:
    made = plan(rows=[row(key, RUNNING)], members=[ANNA, BEN], unregistered=Unregistered.OFFBOARD)
    assert out(made) == [BEN.id]
    assert (FindingKind.INVALID_ROW, key, None) in found(made)


def test_one_row_under_two_spellings_of_a_guests_name_is_found() -> None:
    guest = replace(ANNA, user_principal_name="anna_x#EXT#@contoso.example")
    rows = [row("anna_x%23EXT%23@contoso.example"), row(ANNA.id, RUNNING)]
    made = plan(rows=rows, members=[guest])
    assert [finding.kind for finding in made.findings] == [FindingKind.AMBIGUOUS_ROW] * 2


def test_a_finding_stays_short_however_many_rows_mean_one_person() -> None:
    rows = [row(ANNA), *(row(f"<{ANNA.mail}{'>' * number}", RUNNING) for number in range(1, 40))]
    made = plan(rows=rows, members=[ANNA])
    ambiguous = [item for item in made.findings if item.kind is FindingKind.AMBIGUOUS_ROW]
    assert len(ambiguous) == 40
    assert all("and 36 more; keep one row" in item.detail for item in ambiguous)
