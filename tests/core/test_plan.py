"""What the nouns of a plan derive from their fields."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.core.enforcement import State
from enforcer.core.plan import FindingKind, GroupPlan, Offboard, Onboard, Plan, Step, stuck_finding
from enforcer.core.user_kind import UserKind
from tests.core.group import ANNA, BEN, ENDED, GROUP, NOW, known

LEAVER = Offboard(
    user_id=ANNA.id,
    row_key=ANNA.mail,
    user_principal_name=ANNA.user_principal_name,
    end_date=ENDED,
    due_at=NOW,
    user_kind=UserKind.MEMBER,
    steps=(Step.REMOVE, Step.REVOKE),
)
QUIET = GroupPlan(
    group_id=GROUP, digest="", members=2, offboard=(), onboard=(), ending_soon=(), findings=(), held=False
)


def test_whoever_is_stuck_is_named_with_how_often_and_why() -> None:
    found = stuck_finding(known(ANNA, State.STUCK, attempts=6, last_error="revoke: 403"))
    assert (found.kind, found.row_key, found.user_id) == (FindingKind.STUCK, ANNA.id, ANNA.id)
    assert found.detail == "6 runs have failed; the last one: revoke: 403"


def test_an_enforcement_keeps_its_key_whatever_the_row_is_called_now() -> None:
    assert LEAVER.key == ANNA.mail
    assert replace(LEAVER, row_key=None).key == ANNA.id
    assert replace(LEAVER, earlier=known(ANNA, State.OFFBOARDING, row_key="old@x.example")).key == (
        "old@x.example"
    )


def test_whose_rows_key_is_taken_is_kept_under_his_object_id() -> None:
    assert replace(LEAVER, key_taken=True).key == ANNA.id
    begun = known(ANNA, State.OFFBOARDING, row_key="old@x.example")
    assert replace(LEAVER, key_taken=True, earlier=begun).key == "old@x.example"


def test_whoever_waits_for_tomorrows_attempt_is_still_due() -> None:
    assert replace(QUIET, offboard=(LEAVER,), waiting=(known(BEN, State.STUCK),)).due == 2


@pytest.mark.parametrize(
    ("group", "empty"),
    [
        (QUIET, True),
        (replace(QUIET, offboard=(LEAVER,)), False),
        (replace(QUIET, onboard=(Onboard(row_key="x", key="x", end_date=ENDED),)), False),
        (replace(QUIET, verify=(known(ANNA, State.OFFBOARDED),)), True),
    ],
)
def test_a_plan_is_empty_when_it_changes_nobodys_membership(group: GroupPlan, *, empty: bool) -> None:
    assert Plan(digest="", as_of=NOW, groups=(QUIET, group)).is_empty is empty
