from __future__ import annotations

from copy import deepcopy

import pytest

from enforcer.core.coverage import GroupPeople, Population
from enforcer.core.drift import ALARM, DriftKind, SeenPolicies, find_drift
from enforcer.core.members import DirectoryUser
from enforcer.core.policy import Policy, read_policy
from enforcer.core.user_kind import UserKind
from tests.support.policy_examples import (
    BREAK_GLASS,
    EXEMPTIONS,
    GROUP,
    OTHER,
    POPULATION,
    changed,
    handmade,
    in_tenant,
    shipped,
)

BLOCK = in_tenant(shipped()["no-group-no-access"])
NOBODY: dict[str, object] = {"includeGroups": [], "includeGuestsOrExternalUsers": None}
OTHERS = [in_tenant(policy) for policy in shipped().values() if not policy.blocks_everywhere]


def kinds(*policies: Policy, groups: tuple[str, ...] = (GROUP,)) -> list[DriftKind]:
    return [drift.kind for drift in find_drift(policies, groups)]


def test_the_policy_as_it_was_applied_is_fine() -> None:
    assert kinds(BLOCK, *OTHERS) == []


def test_without_the_block_policy_the_alarm_says_what_that_means() -> None:
    (drift,) = find_drift(OTHERS, (GROUP,))
    assert drift.kind is DriftKind.MISSING
    assert ALARM in drift.detail


@pytest.mark.parametrize("state", ["disabled", "enabledForReportingButNotEnforced"])
def test_a_policy_that_is_not_enforced_is_drift(state: str) -> None:
    assert kinds(read_policy(BLOCK.body | {"state": state})) == [DriftKind.NOT_ENABLED]


def test_a_policy_that_blocks_some_apps_only_is_drift() -> None:
    conditions = BLOCK.body["conditions"] | {"applications": {"includeApplications": ["Office365"]}}
    assert kinds(read_policy(BLOCK.body | {"conditions": conditions})) == [DriftKind.NOT_EVERYWHERE]


@pytest.mark.parametrize(
    ("users", "kind"),
    [
        ({"includeGroups": [GROUP]}, DriftKind.NO_POPULATION),
        (NOBODY, DriftKind.NO_POPULATION),
        (NOBODY | {"includeUsers": ["None"]}, DriftKind.NO_POPULATION),
        ({"excludeGroups": []}, DriftKind.NOT_EXCLUDED),
        ({"excludeGroups": [GROUP, OTHER]}, DriftKind.EXCLUDES_MORE),
        ({"excludeUsers": [*BREAK_GLASS, OTHER]}, DriftKind.ALTERED),
        ({"excludeRoles": [OTHER]}, DriftKind.ALTERED),
        ({"includeGroups": []}, DriftKind.ALTERED),
    ],
)
def test_a_policy_that_meets_others_than_it_should_is_drift(
    users: dict[str, object], kind: DriftKind
) -> None:
    assert kinds(changed(BLOCK, **users)) == [kind]


def test_every_managed_group_has_to_be_excluded() -> None:
    assert kinds(BLOCK, groups=(GROUP, OTHER)) == [DriftKind.NOT_EXCLUDED]


def test_group_ids_in_capitals_are_the_same_groups() -> None:
    body = handmade(changed(BLOCK, excludeGroups=[GROUP.upper()]))
    assert kinds(body) == []


def test_a_policy_of_somebody_else_that_does_the_same_will_do() -> None:
    assert kinds(handmade(BLOCK)) == []


@pytest.mark.parametrize(
    "users",
    [
        {"includeGroups": [GROUP]},
        {"excludeGroups": []},
        {"excludeGroups": [OTHER]},
        NOBODY | {"includeUsers": ["None"]},
        NOBODY | {"includeUsers": [OTHER]},
    ],
)
def test_a_policy_of_somebody_else_that_differs_does_not_count(users: dict[str, object]) -> None:
    assert kinds(handmade(changed(BLOCK, **users))) == [DriftKind.MISSING]


@pytest.mark.parametrize("users", [["All"], ["GuestsOrExternalUsers"]])
def test_a_policy_of_somebody_else_for_all_users_or_guests_will_do(users: list[str]) -> None:
    assert kinds(handmade(changed(BLOCK, **NOBODY, includeUsers=users))) == []


@pytest.mark.parametrize("apps", EXEMPTIONS)
def test_a_policy_of_somebody_else_with_exempted_apps_does_not_count(apps: dict[str, object]) -> None:
    body = deepcopy(BLOCK.body)
    body["conditions"]["applications"] |= apps
    assert kinds(handmade(read_policy(body))) == [DriftKind.MISSING]


def test_of_several_copies_every_enabled_one_has_to_be_right() -> None:
    assert kinds(read_policy(BLOCK.body | {"state": "disabled"}), BLOCK) == []
    wrong = read_policy(changed(BLOCK, excludeGroups=[]).body | {"id": "copy"})
    assert [drift.policy_id for drift in find_drift([BLOCK, wrong], (GROUP,))] == ["copy"]


# Members -------------------------------------------------------------------------------------------------

MEMBER = DirectoryUser(id="33333333-0000-0000-0000-000000000001", user_type="Member")
GUEST = DirectoryUser(
    id="33333333-0000-0000-0000-000000000002", user_kind=UserKind.EXTERNAL, user_type="Guest"
)
ALL_BUT_BREAK_GLASS = handmade(changed(BLOCK, **NOBODY, includeUsers=["All"], excludeGroups=[GROUP, OTHER]))


def examined(*policies: Policy, members: tuple[DirectoryUser, ...], **groups: GroupPeople) -> list[DriftKind]:
    facts = {POPULATION: groups.get("population", GroupPeople()), OTHER: groups.get("other", GroupPeople())}
    return [drift.kind for drift in find_drift(policies, (GROUP,), Population(members=members, groups=facts))]


def only(kinds: str, tenants: dict[str, object]) -> Policy:
    guests = {"guestOrExternalUserTypes": kinds, "externalTenants": tenants}
    return handmade(changed(BLOCK, **NOBODY | {"includeGuestsOrExternalUsers": guests}))


def test_members_whom_the_policy_would_not_block_are_named() -> None:
    assert examined(BLOCK, members=(GUEST,)) == []
    assert examined(BLOCK, members=(GUEST, MEMBER)) == [DriftKind.NOT_COVERED]
    (drift,) = find_drift(
        [BLOCK], (GROUP,), Population(members=(MEMBER,), groups={POPULATION: GroupPeople()})
    )
    assert MEMBER.id in drift.detail


def test_a_population_that_the_managed_group_fills_covers_nobody() -> None:
    circular = GroupPeople(circular=frozenset({MEMBER.id}))
    assert examined(BLOCK, members=(MEMBER,), population=circular) == [DriftKind.NOT_COVERED]


def test_a_break_glass_group_without_contractors_does_no_harm() -> None:
    people = GroupPeople(people=frozenset({MEMBER.id}))
    assert examined(ALL_BUT_BREAK_GLASS, members=(MEMBER, GUEST)) == []
    assert examined(ALL_BUT_BREAK_GLASS, members=(MEMBER, GUEST), other=people) == [DriftKind.NOT_COVERED]
    assert examined(ALL_BUT_BREAK_GLASS, members=(MEMBER,), other=people) == [DriftKind.MISSING]


EVERY_TENANT: dict[str, object] = {"membershipKind": "all"}
ONE_TENANT: dict[str, object] = {"membershipKind": "enumerated", "members": [OTHER]}


@pytest.mark.parametrize(
    "policy",
    [
        handmade(changed(BLOCK, **NOBODY | {"includeGroups": [OTHER]})),
        only("serviceProvider", EVERY_TENANT),
        only("b2bDirectConnectUser", EVERY_TENANT),
        only("internalGuest", EVERY_TENANT),
        only("b2bCollaborationGuest", ONE_TENANT),
        handmade(changed(BLOCK, excludeRoles=[OTHER])),
    ],
)
def test_a_substitute_that_surely_meets_no_member_does_not_count(policy: Policy) -> None:
    assert examined(policy, members=(MEMBER, GUEST)) == [DriftKind.MISSING]


def test_two_policies_of_others_may_share_the_work() -> None:
    guests = only("b2bCollaborationGuest", EVERY_TENANT)
    staff = handmade(changed(BLOCK, **NOBODY | {"includeGroups": [POPULATION]}), "Staff")
    people = GroupPeople(people=frozenset({MEMBER.id}))
    assert examined(guests, staff, members=(MEMBER, GUEST), population=people) == []
    assert examined(guests, staff, members=(MEMBER, GUEST)) == [DriftKind.NOT_COVERED]


def test_what_could_not_be_read_is_not_known_rather_than_missing() -> None:
    unread = GroupPeople(unknown="403")
    assert examined(ALL_BUT_BREAK_GLASS, members=(MEMBER,), other=unread) == [DriftKind.NOT_KNOWN]


def test_ours_in_report_only_is_no_drift_while_another_policy_blocks() -> None:
    ours = read_policy(BLOCK.body | {"state": "enabledForReportingButNotEnforced"})
    assert examined(ours, ALL_BUT_BREAK_GLASS, members=(MEMBER,)) == []


# What was enabled once -----------------------------------------------------------------------------------

SHORT = in_tenant(shipped()["short-sessions"])


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        ((), DriftKind.MISSING),
        ((read_policy(SHORT.body | {"state": "disabled"}),), DriftKind.NOT_ENABLED),
        ((changed(SHORT, excludeUsers=[OTHER]),), DriftKind.ALTERED),
        ((SHORT,), None),
    ],
)
def test_a_policy_enabled_once_is_watched(now: tuple[Policy, ...], kind: DriftKind | None) -> None:
    seen = SeenPolicies(looked=True, enabled={"short-sessions": SHORT.display_name})
    found = [drift.kind for drift in find_drift([BLOCK, *now], (GROUP,), None, seen)]
    assert found == ([kind] if kind else [])
    assert find_drift([BLOCK, *now], (GROUP,)) == []


def test_a_block_policy_that_is_gone_is_missing_once_and_told_if_replaced() -> None:
    seen = SeenPolicies(looked=True, enabled={"no-group-no-access": "Ours"})
    assert len(find_drift([], (GROUP,), None, seen)) == 1
    (drift,) = find_drift([handmade(BLOCK)], (GROUP,), None, seen)
    assert (drift.kind, "is gone" in drift.detail) == (DriftKind.MISSING, True)
