from __future__ import annotations

from copy import deepcopy

import pytest

from enforcer.core.policy import Policy, read_policy
from enforcer.policies.drift import ALARM, DriftKind, find_drift
from tests.support.policy_examples import (
    BREAK_GLASS,
    EXEMPTIONS,
    GROUP,
    OTHER,
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
        {"excludeGroups": [GROUP, OTHER]},
        {"excludeRoles": [OTHER]},
        {"excludeGuestsOrExternalUsers": {"guestOrExternalUserTypes": "b2bCollaborationGuest"}},
        {"excludeUsers": [*BREAK_GLASS, "GuestsOrExternalUsers"]},
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


def test_of_two_copies_one_that_is_right_is_enough() -> None:
    assert kinds(read_policy(BLOCK.body | {"state": "disabled"}), BLOCK) == []
