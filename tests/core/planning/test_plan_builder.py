"""How the planner's decisions become a plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enforcer.core.members import Member
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import Admission, EndingSoon, Finding, FindingKind, KeyState, Offboard, Onboard, Step
from enforcer.core.planning.digest import group_digest
from enforcer.core.planning.planner import GroupSnapshot, plan_group
from enforcer.core.planning.rules import PlanRules
from enforcer.core.settings import Disable, Onboarding, Unregistered
from enforcer.core.user_kind import UserKind
from enforcer.offboarding.steps import intent
from tests.support.paper_group import (
    ANNA,
    BEGUN_IN,
    BEN,
    ENDED,
    GROUP,
    NOW,
    RUNNING,
    found,
    known,
    out,
    person,
    plan,
    row,
    settings,
)

DUE_AT = datetime(2026, 11, 23, tzinfo=UTC)


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
    (later,) = plan(rows=[row(ANNA)], records=[begun], disable_accounts=wanted).offboard
    assert (later.known_kind, Step.DISABLE in later.steps) == (kind, disables)


def test_a_guests_account_is_disabled_later_if_that_failed_at_first() -> None:
    guest = replace(ANNA, user_kind=UserKind.EXTERNAL)
    for members in ([guest], []):
        begun = intent(plan(rows=[row(ANNA)], members=[guest]).offboard[0], "run")
        (offboard,) = plan(
            rows=[row(ANNA)], members=members, records=[begun], disable_accounts=Disable.GUESTS
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
        made = plan(rows=[row(ANNA)], members=members, records=[begun], disable_accounts=Disable.ALL)
        assert Step.DISABLE not in made.offboard[0].steps


def test_an_account_is_disabled_later_if_that_failed_at_first() -> None:
    begun = known(ANNA, State.OFFBOARDING, removed_at=NOW)
    made = plan(rows=[row(ANNA)], records=[begun], disable_accounts=Disable.ALL)
    assert made.offboard[0].steps == (Step.DISABLE, Step.REVOKE)
    made = plan(rows=[row(ANNA)], records=[begun], disable_accounts=Disable.ALL, engaged_elsewhere={ANNA.id})
    assert made.offboard[0].steps == (Step.REVOKE,)


PLAIN, BY_US = known(ANNA, State.OFFBOARDING), known(ANNA, State.OFFBOARDING, disabled_at=NOW)
BEFORE = known(ANNA, State.STUCK, was_disabled=True)
OVER = known(ANNA, State.OFFBOARDED, was_disabled=True, disabled_at=NOW)


@pytest.mark.parametrize("wanted", [Disable.NONE, Disable.ALL])
@pytest.mark.parametrize(
    ("earlier", "enabled", "disables", "was_disabled"),
    [
        # Nothing is on record, or only an offboarding that is over: what Graph says counts.
        *((earlier, True, True, False) for earlier in (None, OVER)),
        *((earlier, False, False, True) for earlier in (None, OVER)),
        *((earlier, None, True, False) for earlier in (None, OVER)),
        # Begun: nobody knows who disabled the account, if anybody did.
        *((PLAIN, enabled, True, False) for enabled in (True, False, None)),
        # Begun, and disabled by us: that is done, unless somebody has enabled the account since.
        (BY_US, True, True, False),
        (BY_US, False, False, False),
        (BY_US, None, False, False),
        # Begun, and disabled by somebody else before: likewise, and it is not ours to undo.
        (BEFORE, True, True, False),
        (BEFORE, False, False, True),
        (BEFORE, None, False, True),
    ],
)
def test_a_listed_persons_account_is_disabled_unless_it_already_is(
    *,
    wanted: Disable,
    earlier: OffboardingRecord | None,
    enabled: bool | None,
    disables: bool,
    was_disabled: bool,
) -> None:
    records = [] if earlier is None else [earlier]
    member = replace(ANNA, enabled=enabled)
    made = plan(rows=[row(ANNA)], members=[member], records=records, disable_accounts=wanted)
    (offboard,) = made.offboard
    steps = (Step.DISABLE,) * (disables and wanted is Disable.ALL) + (Step.REMOVE, Step.REVOKE)
    assert (offboard.steps, offboard.was_disabled) == (steps, was_disabled)


@pytest.mark.parametrize(
    ("begun", "disables", "was_disabled"),
    [(PLAIN, True, False), (BY_US, False, False), (BEFORE, False, True)],
)
@pytest.mark.parametrize("wanted", [Disable.NONE, Disable.ALL])
def test_a_gone_persons_account_is_disabled_unless_that_is_on_record(
    wanted: Disable, begun: OffboardingRecord, *, disables: bool, was_disabled: bool
) -> None:
    (offboard,) = plan(rows=[row(ANNA)], records=[begun], disable_accounts=wanted).offboard
    steps = (Step.DISABLE,) * (disables and wanted is Disable.ALL) + (Step.REVOKE,)
    assert (offboard.steps, offboard.was_disabled) == (steps, was_disabled)


@pytest.mark.parametrize("name", [ANNA.id, "anna@old.example", "other"])
def test_a_gone_persons_account_needed_elsewhere_is_not_disabled(name: str) -> None:
    begun = known(ANNA, State.OFFBOARDING, row_key="Anna@old.example")
    made = plan(records=[begun], disable_accounts=Disable.ALL, engaged_elsewhere={name})
    assert (Step.DISABLE in made.offboard[0].steps) is (name == "other")


# What a plan says about somebody -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", UserKind)
def test_every_field_of_somebody_who_is_listed(kind: UserKind) -> None:
    member = replace(ANNA, user_kind=kind, mail="anna.berg@mail.example")
    (due,) = plan(rows=[row("Anna.Berg@Mail.example")], members=[member]).offboard
    assert due == Offboard(
        user_id=ANNA.id,
        row_key="Anna.Berg@Mail.example",
        user_principal_name=ANNA.user_principal_name,
        mail="anna.berg@mail.example",
        end_date=ENDED,
        due_at=DUE_AT,
        user_kind=kind,
        steps=(Step.REMOVE, Step.REVOKE),
    )


def test_every_field_of_somebody_who_is_listed_and_has_no_row() -> None:
    nobodys: dict[str, Any] = {"members": [ANNA], "unregistered": Unregistered.OFFBOARD}
    (ghost,) = plan(**nobodys).offboard
    bare = Offboard(
        user_id=ANNA.id,
        row_key=None,
        user_principal_name=ANNA.user_principal_name,
        mail=ANNA.mail,
        end_date=None,
        due_at=None,
        user_kind=UserKind.MEMBER,
        steps=(Step.REMOVE, Step.REVOKE),
    )
    assert ghost == bare
    begun = known(ANNA, State.OFFBOARDING)
    (again,) = plan(records=[begun], **nobodys).offboard
    assert again == replace(
        bare, end_date=ENDED, due_at=DUE_AT, admission=Admission.BEGUN, sequence=BEGUN_IN, earlier=begun
    )
    undated = replace(begun, end_date="", due_at=None)
    (again,) = plan(records=[undated], **nobodys).offboard
    assert again == replace(bare, admission=Admission.BEGUN, sequence=BEGUN_IN, earlier=undated)


def test_every_field_of_somebody_who_is_gone() -> None:
    begun = known(ANNA, State.OFFBOARDING, user_kind=UserKind.EXTERNAL, row_key=ANNA.mail)
    (gone,) = plan(records=[begun]).offboard
    bare = Offboard(
        user_id=ANNA.id,
        row_key=None,
        user_principal_name="",
        end_date=ENDED,
        due_at=DUE_AT,
        user_kind=UserKind.EXTERNAL,
        steps=(Step.REVOKE,),
        admission=Admission.BEGUN,
        sequence=BEGUN_IN,
        earlier=begun,
    )
    assert gone == bare
    (gone,) = plan(rows=[row(ANNA.mail.upper(), "2026-10-31")], records=[begun]).offboard
    october = datetime(2026, 11, 1, tzinfo=UTC)
    assert gone == replace(bare, row_key=ANNA.mail.upper(), end_date="2026-10-31", due_at=october)
    undated = replace(begun, end_date="", due_at=None, revoked_at=NOW, user_kind=UserKind.UNKNOWN)
    (gone,) = plan(records=[undated]).offboard
    assert gone == replace(
        bare, end_date=None, due_at=None, steps=(), user_kind=UserKind.UNKNOWN, earlier=undated
    )


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("owner", [ANNA, BEN, None])
def test_an_address_has_passed_on_when_it_is_only_another_members(
    owner: Member | None, *, listed: bool
) -> None:
    begun = known(ANNA, State.OFFBOARDING, row_key="Shared@x.example")
    anna = replace(ANNA, mail="shared@x.example") if owner is ANNA else ANNA
    ben = replace(BEN, mail="shared@x.example") if owner is BEN else BEN
    made = plan(members=[anna, ben] if listed else [ben], records=[begun])
    (offboard,) = made.offboard
    assert offboard.key_state is (KeyState.PASSED_ON if owner is BEN else KeyState.OWN)


def test_every_field_of_somebody_to_add_and_of_an_end_soon() -> None:
    made = plan(rows=[row("New%23Ext%23@X.example", RUNNING)], onboard=Onboarding.ADD)
    assert made.onboard == (
        Onboard(row_key="New%23Ext%23@X.example", key="new#ext#@x.example", end_date=RUNNING),
    )
    guest = replace(ANNA, user_kind=UserKind.EXTERNAL)
    near = plan(rows=[row(ANNA.mail, "2026-11-30")], members=[guest])
    assert near.ending_soon == (
        EndingSoon(
            user_id=ANNA.id,
            row_key=ANNA.mail,
            user_principal_name=ANNA.user_principal_name,
            end_date="2026-11-30",
            due_at=datetime(2026, 12, 1, tzinfo=UTC),
            guest=True,
        ),
    )


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


def test_lists_of_a_plan_have_an_order_of_their_own() -> None:
    people = [person(number) for number in (3, 1, 2)]
    ends = ["2026-11-30", "2026-11-30", "2026-11-25"]
    rows = [row(member, end) for member, end in zip(people, ends, strict=True)]
    soon = plan(rows=rows, members=people).ending_soon
    assert [end.user_id for end in soon] == [people[2].id, people[1].id, people[0].id]
    offboarded = [known(member, State.OFFBOARDED) for member in people]
    assert [item.row_key for item in plan(records=offboarded).verify] == sorted(
        member.id for member in people
    )
    newcomers = plan(
        rows=[row(key, RUNNING) for key in ("c@x.example", "a@x.example")], onboard=Onboarding.ADD
    )
    assert [one.row_key for one in newcomers.onboard] == ["a@x.example", "c@x.example"]


def test_only_users_count_as_members() -> None:
    assert plan(members=[ANNA, BEN, Member(id=person(1).id, kind="group")]).members == 2


# What the findings say -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        (
            {"members": [Member(id=ANNA.id, kind="group")]},
            Finding(
                kind=FindingKind.NOT_A_USER,
                user_id=ANNA.id,
                detail="is a group, not a user: whoever has access through it has no end date",
            ),
        ),
        (
            {"members": [ANNA]},
            Finding(
                kind=FindingKind.UNREGISTERED_MEMBER,
                user_id=ANNA.id,
                detail="is a member without a row in the register",
            ),
        ),
        (
            {"rows": [row(ANNA, RUNNING)]},
            Finding(
                kind=FindingKind.MISSING_MEMBER,
                row_key=ANNA.id,
                user_id=ANNA.id,
                detail=f"has access until {RUNNING} but is not a member",
            ),
        ),
        (
            {"rows": [row(ANNA.mail, RUNNING)]},
            Finding(
                kind=FindingKind.MISSING_MEMBER,
                row_key=ANNA.mail,
                detail=f"has access until {RUNNING} but is not a member",
            ),
        ),
    ],
)
def test_a_finding_names_the_row_the_person_and_the_matter(given: dict[str, Any], finding: Finding) -> None:
    assert plan(**given).findings == (finding,)


def test_left_alone_for_nameless_rows_the_finding_counts_them() -> None:
    made = plan(rows=[row("?"), row("??")], members=[ANNA], unregistered=Unregistered.OFFBOARD)
    details = [one.detail for one in made.findings if one.kind is FindingKind.UNREGISTERED_MEMBER]
    assert ["2 unreadable rows" in detail for detail in details] == [True]


@pytest.mark.parametrize(
    ("wanted", "enabled", "is_found"),
    [
        (Disable.ALL, False, True),
        (Disable.GUESTS, False, True),
        (Disable.NONE, False, False),
        (Disable.ALL, True, False),
        (Disable.ALL, None, False),
    ],
)
def test_a_disabled_account_with_running_access_is_found(
    *, wanted: Disable, enabled: bool | None, is_found: bool
) -> None:
    member = replace(ANNA, enabled=enabled)
    made = plan(rows=[row(ANNA.mail, RUNNING)], members=[member], disable_accounts=wanted)
    named = [(one.kind, one.row_key, one.user_id, RUNNING in one.detail) for one in made.findings]
    assert named == [(FindingKind.DISABLED_ACCOUNT, ANNA.mail, ANNA.id, True)] * is_found


def test_a_plan_has_everything_that_was_built() -> None:
    """Two of everything, given in the wrong order, so that each list is checked to be there and sorted."""
    people = {name: [person(2 * number), person(2 * number + 1)] for number, name in enumerate(_PARTS)}
    held_up = {"attempts": 6, "next_attempt_at": NOW + timedelta(hours=1)}
    records = [
        *(known(one, State.STUCK, **held_up) for one in people["waiting"]),
        *(known(one, State.OFFBOARDED) for one in people["verify"]),
        *(known(one, State.OFFBOARDING) for one in people["withdraw"]),
    ]
    rows = [
        *(row(one) for one in [*people["due"], *people["waiting"]]),
        *(row(one, RUNNING) for one in people["withdraw"]),
    ]
    made = plan(rows=rows[::-1], members=people["due"][::-1], records=records[::-1], brake_count=1)
    assert (made.group_id, made.members, made.held, made.due) == (GROUP, 2, True, 4)
    assert made.digest == group_digest(GROUP, made.offboard, ())
    ids = {name: [one.id for one in both] for name, both in people.items()}
    assert out(made) == ids["due"]
    assert [item.row_key for item in made.waiting] == ids["waiting"]
    assert [item.row_key for item in made.verify] == ids["verify"]
    assert [item.row_key for item in made.withdraw] == ids["withdraw"]
    stuck, missing = FindingKind.STUCK, FindingKind.MISSING_MEMBER
    assert found(made) == [
        *((missing, one, one) for one in ids["withdraw"]),
        *((stuck, one, one) for one in ids["waiting"]),
    ]
    assert not plan(rows=rows, members=people["due"], brake_count=2).held


_PARTS = ("due", "waiting", "verify", "withdraw")


def test_whoever_is_listed_again_is_found_with_the_time_of_the_removal() -> None:
    removed_at = datetime(2026, 11, 22, 6, tzinfo=UTC)
    made = plan(
        rows=[row(ANNA)], members=[ANNA], records=[known(ANNA, State.VERIFIED, removed_at=removed_at)]
    )
    assert made.findings == (
        Finding(
            kind=FindingKind.RE_ADDED,
            row_key=ANNA.id,
            user_id=ANNA.id,
            detail="is listed again after the removal at 2026-11-22T06:00:00Z",
        ),
    )


def test_the_protected_are_found_by_row_and_person() -> None:
    made = plan(rows=[row(ANNA.mail)], members=[ANNA], protected_ids=frozenset({ANNA.id}))
    assert [(one.kind, one.row_key, one.user_id) for one in made.findings] == [
        (FindingKind.PROTECTED, ANNA.mail, ANNA.id)
    ]
    assert "ENFORCER_PROTECTED_IDS" in made.findings[0].detail


def test_the_protected_by_group_are_found_with_the_setting_that_says_so() -> None:
    group = GroupSnapshot(group_id=GROUP, rows=[row(ANNA)], members=[ANNA], protected_ids={ANNA.id})
    made = plan_group(group, PlanRules.of(settings()), NOW)
    assert [(one.kind, one.user_id) for one in made.findings] == [(FindingKind.PROTECTED, ANNA.id)]
    assert "ENFORCER_PROTECTED_GROUP_IDS" in made.findings[0].detail
    assert made.offboard == ()


def test_several_rows_for_a_missing_person_name_each_other() -> None:
    made = plan(rows=[row("a@x.example", RUNNING), row("A@x.example", RUNNING)])
    assert [(one.kind, one.row_key, one.user_id) for one in made.findings] == [
        (FindingKind.AMBIGUOUS_ROW, "A@x.example", None),
        (FindingKind.AMBIGUOUS_ROW, "a@x.example", None),
    ]
    assert "a@x.example" in made.findings[0].detail


def test_findings_of_one_kind_and_row_are_ordered_by_person() -> None:
    people = [person(number) for number in (3, 1, 2)]
    made = plan(members=people)
    assert [one.user_id for one in made.findings] == sorted(member.id for member in people)


def test_whoever_has_no_end_date_is_listed_before_those_who_have_one() -> None:
    people = [person(1), person(2)]
    made = plan(rows=[row(people[0])], members=people, unregistered=Unregistered.OFFBOARD)
    assert out(made) == [people[1].id, people[0].id]


def test_findings_of_one_kind_are_ordered_with_or_without_row_and_person() -> None:
    both = frozenset({ANNA.id, BEN.id})
    made = plan(rows=[row(BEN)], members=[ANNA, BEN], protected_ids=both, unregistered=Unregistered.OFFBOARD)
    assert found(made) == [
        (FindingKind.PROTECTED, None, ANNA.id),
        (FindingKind.PROTECTED, BEN.id, BEN.id),
    ]
    team = [replace(member, mail="team@x.example") for member in (ANNA, BEN)]
    made = plan(rows=[row("team@x.example"), row("zoe@x.example")], members=team)
    several = plan(rows=[row("team@x.example"), row(ANNA)], members=team)
    assert found(made)[0] == (FindingKind.AMBIGUOUS_ROW, "team@x.example", None)
    assert [one for one in found(several) if one[1] == "team@x.example"] == [
        (FindingKind.AMBIGUOUS_ROW, "team@x.example", None),
        (FindingKind.AMBIGUOUS_ROW, "team@x.example", ANNA.id),
    ]
