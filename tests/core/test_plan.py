"""What the nouns of a plan derive from their fields."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.core.offboarding_record import State
from enforcer.core.plan import (
    FindingKind,
    GroupPlan,
    HeldPlan,
    KeyState,
    Offboard,
    Onboard,
    Plan,
    Step,
    stuck_finding,
)
from enforcer.core.user_kind import UserKind
from tests.support.paper_group import ANNA, BEN, ENDED, GROUP, NOW, known

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


def test_a_record_keeps_its_key_whatever_the_row_is_called_now() -> None:
    assert LEAVER.key == ANNA.mail
    assert replace(LEAVER, row_key=None).key == ANNA.id
    assert replace(LEAVER, earlier=known(ANNA, State.OFFBOARDING, row_key="old@x.example")).key == (
        "old@x.example"
    )


def test_a_person_whose_key_is_taken_is_kept_under_the_object_id() -> None:
    assert replace(LEAVER, key_state=KeyState.TAKEN).key == ANNA.id
    begun = known(ANNA, State.OFFBOARDING, row_key="old@x.example")
    assert replace(LEAVER, key_state=KeyState.TAKEN, earlier=begun).key == "old@x.example"


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


def test_words_of_plans_are_spelled_as_in_existing_ones() -> None:
    assert [one.value for one in Step] == ["disable", "remove", "leavers_add", "revoke"]
    assert {kind.value for kind in FindingKind} >= {
        *("invalid_row", "ambiguous_row", "unregistered_member", "missing_member", "protected"),
        *(
            "not_a_user",
            "stuck",
            "re_added",
            "disabled_account",
            "not_blocked",
            "policy_drift",
            "policies_unseen",
        ),
    }


def test_a_plan_assumes_nothing_about_a_person() -> None:
    assert (LEAVER.was_disabled, LEAVER.is_fresh, LEAVER.key_state) == (False, True, KeyState.OWN)
    assert (LEAVER.mail, LEAVER.earlier, LEAVER.sequence) == ("", None, 0)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", UserKind)
def test_the_kind_of_an_account_on_record_is_still_known(state: State, kind: UserKind) -> None:
    unknown = replace(LEAVER, user_kind=UserKind.UNKNOWN, earlier=known(ANNA, state, user_kind=kind))
    unfinished = state in (State.OFFBOARDING, State.STUCK)
    assert unknown.known_kind is (kind if unfinished else UserKind.UNKNOWN)
    assert replace(unknown, user_kind=UserKind.EXTERNAL).known_kind is UserKind.EXTERNAL
    assert replace(unknown, earlier=None).known_kind is UserKind.UNKNOWN


def test_names_are_all_that_rows_may_call_a_person() -> None:
    moved = replace(LEAVER, row_key="Old%23ext%23@X.example", mail="Mail@X.example")
    told = {ANNA.id, ANNA.user_principal_name.lower(), "mail@x.example"}
    assert moved.names == told | {"old#ext#@x.example"}
    assert replace(moved, key_state=KeyState.PASSED_ON).names == told


def test_whoever_is_not_to_be_removed_is_out() -> None:
    assert not LEAVER.is_out
    assert replace(LEAVER, steps=(Step.REVOKE,)).is_out
    assert replace(LEAVER, steps=()).is_out


@pytest.mark.parametrize(
    ("approved", "used_by", "released"), [(True, "", True), (False, "", False), (True, "run", False)]
)
def test_an_approval_is_good_for_one_run(used_by: str, *, approved: bool, released: bool) -> None:
    held = HeldPlan(digest="", group_id=GROUP, people=9, members=9, held_at=NOW)
    assert (held.run_id, held.approved_by, held.used_by, held.approved_at) == ("", "", "", None)
    plan = replace(held, approved_at=NOW if approved else None, used_by=used_by)
    assert plan.is_released is released
