"""How decisions are written into a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.core.enforcement import State
from enforcer.core.plan import FindingKind, Step
from enforcer.core.user_kind import UserKind
from enforcer.person import intent
from enforcer.settings import Disable
from tests.core.group import (
    ANNA,
    BEN,
    NOW,
    RUNNING,
    known,
    out,
    person,
    plan,
    row,
)


@pytest.mark.parametrize(
    ("wanted", "kind", "disables"),
    [
        (Disable.NONE, UserKind.EXTERNAL, False),
        (Disable.GUESTS, UserKind.MEMBER, False),
        (Disable.GUESTS, UserKind.EXTERNAL, True),
        (Disable.GUESTS, UserKind.INTERNAL_GUEST, True),
        (Disable.GUESTS, UserKind.UNKNOWN, False),
        (Disable.ALL, UserKind.MEMBER, True),
        (Disable.ALL, UserKind.UNKNOWN, True),
    ],
)
def test_accounts_are_disabled_first_where_that_is_set(
    wanted: Disable,
    kind: UserKind,
    disables: bool,  # noqa: FBT001
) -> None:
    member = replace(ANNA, user_kind=kind)
    (offboard,) = plan(rows=[row(ANNA)], members=[member], disable_accounts=wanted).offboard
    assert offboard.steps == (Step.DISABLE, Step.REMOVE, Step.REVOKE)[not disables :]
    begun = replace(intent(offboard, "run"), removed_at=NOW)
    (later,) = plan(rows=[row(ANNA)], enforcements=[begun], disable_accounts=wanted).offboard
    assert (later.known_kind, Step.DISABLE in later.steps) == (kind, disables)


def test_a_guests_account_is_disabled_later_where_that_failed_the_first_time() -> None:
    guest = replace(ANNA, user_kind=UserKind.EXTERNAL)
    for members in ([guest], []):
        begun = intent(plan(rows=[row(ANNA)], members=[guest]).offboard[0], "run")
        (offboard,) = plan(
            rows=[row(ANNA)], members=members, enforcements=[begun], disable_accounts=Disable.GUESTS
        ).offboard
        assert Step.DISABLE in offboard.steps
        assert intent(offboard, "run").user_kind is UserKind.EXTERNAL


@pytest.mark.parametrize("name", [ANNA.id, ANNA.mail, "upn@contoso.example"])
def test_an_account_that_another_group_still_needs_is_not_disabled(name: str) -> None:
    member = replace(ANNA, user_principal_name="UPN@contoso.example")
    made = plan(rows=[row(ANNA)], members=[member], disable_accounts=Disable.ALL, engaged_elsewhere={name})
    assert Step.DISABLE not in made.offboard[0].steps


def test_an_account_that_is_known_to_be_disabled_is_not_disabled_twice() -> None:
    begun = known(ANNA, State.OFFBOARDING, disabled_at=NOW)
    for members in ([ANNA], []):
        made = plan(rows=[row(ANNA)], members=members, enforcements=[begun], disable_accounts=Disable.ALL)
        assert Step.DISABLE not in made.offboard[0].steps


def test_an_account_is_disabled_later_where_that_failed_the_first_time() -> None:
    begun = known(ANNA, State.OFFBOARDING, removed_at=NOW)
    made = plan(rows=[row(ANNA)], enforcements=[begun], disable_accounts=Disable.ALL)
    assert made.offboard[0].steps == (Step.DISABLE, Step.REVOKE)
    made = plan(
        rows=[row(ANNA)], enforcements=[begun], disable_accounts=Disable.ALL, engaged_elsewhere={ANNA.id}
    )
    assert made.offboard[0].steps == (Step.REVOKE,)


def test_a_plan_lists_people_by_the_end_of_their_access_and_then_by_id() -> None:
    people = [person(number) for number in (3, 1, 2)]
    rows = [row(people[0], "2026-01-31"), row(people[1], "2026-03-31"), row(people[2], "2026-01-31")]
    assert out(plan(rows=rows, members=people)) == [people[2].id, people[0].id, people[1].id]


def test_findings_come_in_a_fixed_order() -> None:
    made = plan(rows=[row("zoe@x.example", RUNNING), row("?"), row("adam@x.example", RUNNING)], members=[BEN])
    assert [(finding.kind, finding.row_key) for finding in made.findings] == [
        (FindingKind.INVALID_ROW, "?"),
        (FindingKind.MISSING_MEMBER, "adam@x.example"),
        (FindingKind.MISSING_MEMBER, "zoe@x.example"),
        (FindingKind.UNREGISTERED_MEMBER, None),
    ]
