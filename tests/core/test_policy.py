from __future__ import annotations

from typing import Any

import msgspec
import pytest

from enforcer.core.policy import (
    ALL,
    DECIDING,
    GUESTS,
    Applications,
    Json,
    PolicyState,
    Users,
    digest,
    made_here,
    pruned,
    read_policy,
)
from tests.support.policy_examples import FULL, OTHER, changed, handmade, in_tenant, shipped

BLOCK = "no-group-no-access"


def test_a_policy_that_graph_writes_out_in_full_is_not_altered() -> None:
    for policy in shipped().values():
        assert not in_tenant(policy).is_altered


def test_a_policy_is_recognised_by_its_name() -> None:
    assert [in_tenant(policy).key for policy in shipped().values()] == list(shipped())


@pytest.mark.parametrize(
    "name", ["", "Block guests", "Contractors [enforcer:]", "x [enforcer:key:12345678] (copy)"]
)
def test_others_policies_are_not_taken_for_ours(name: str) -> None:
    assert handmade(shipped()[BLOCK], name).key == ""


def test_an_exclusion_by_hand_alters_the_policy() -> None:
    policy = in_tenant(shipped()[BLOCK])
    assert changed(policy, excludeUsers=[*(policy.users.exclude_users or ()), OTHER]).is_altered


def test_a_change_of_the_state_alters_nothing_else() -> None:
    policy = in_tenant(shipped()[BLOCK], "disabled")
    assert not policy.is_altered
    assert policy.state is PolicyState.DISABLED


def test_the_digest_stays_the_same_between_releases() -> None:
    # A different digest would report every policy in every tenant as altered.
    assert digest(shipped()[BLOCK].body) == "d3373dab"


def test_an_unknown_state_does_not_count_as_enabled() -> None:
    assert not read_policy({**in_tenant(shipped()[BLOCK]).body, "state": "enabledSomehow"}).is_enabled


def test_empty_values_and_the_order_of_lists_make_no_difference() -> None:
    written: dict[str, Any] = {
        "a": None,
        "b": [],
        "c": {"d": None, "e@odata.type": "x"},
        "f": False,
        "g": ["z", "a"],
        "guestOrExternalUserTypes": "b2bCollaborationMember, b2bCollaborationGuest",
    }
    assert pruned(written) == {
        "g": ["a", "z"],
        "guestOrExternalUserTypes": "b2bCollaborationGuest,b2bCollaborationMember",
    }


def test_an_authentication_strength_is_its_id() -> None:
    full = in_tenant(shipped(FULL)["authentication-strength"]).body["grantControls"]
    assert pruned(full)["authenticationStrength"] == {"id": "00000000-0000-0000-0000-000000000003"}


def test_the_block_policy_blocks_everywhere_and_the_others_do_not() -> None:
    blocking = [key for key, policy in shipped().items() if policy.blocks]
    assert blocking == ["allowed-apps-only", BLOCK]
    assert in_tenant(shipped()[BLOCK]).blocks_everywhere


@pytest.mark.parametrize(
    "narrowed",
    [
        {"platforms": {"includePlatforms": ["android"]}},
        {"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
        {"signInRiskLevels": ["high"]},
        {"clientAppTypes": ["browser"]},
        {"applications": {"includeApplications": ["Office365"]}},
        {"aConditionOfTheFuture": {"includes": ["something"]}},
    ],
)
def test_a_policy_with_conditions_does_not_block_everywhere(
    narrowed: dict[str, Any],
) -> None:
    body = in_tenant(shipped()[BLOCK]).body
    assert not read_policy(body | {"conditions": body["conditions"] | narrowed}).blocks_everywhere


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, ("", "", PolicyState.DISABLED)),
        ({"id": None, "displayName": None, "state": None}, ("", "", PolicyState.DISABLED)),
        ({"id": "1", "displayName": "Mine", "state": "enabled"}, ("1", "Mine", PolicyState.ENABLED)),
        (
            {"id": "1", "displayName": "Mine", "state": "enabledForReportingButNotEnforced"},
            ("1", "Mine", PolicyState.REPORT_ONLY),
        ),
    ],
)
def test_a_policy_is_read_as_graph_writes_it(body: Json, told: tuple[str, str, PolicyState]) -> None:
    policy = read_policy(body)
    assert (policy.id, policy.display_name, policy.state) == told
    assert policy.is_enabled is (body.get("state") == "enabled")
    assert (policy.users, policy.applications) == (Users(), Applications())
    assert not (policy.blocks)
    assert not (policy.blocks_everywhere)
    assert not (policy.exempts_apps)
    assert not (policy.is_altered)


@pytest.mark.parametrize("body", [{"conditions": []}, {"conditions": {"users": {"includeUsers": "All"}}}])
def test_what_is_not_a_policy_is_refused(body: Json) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_policy(body)


EVERYWHERE: Json = {
    "conditions": {"applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"]},
    "grantControls": {"builtInControls": ["block"]},
}


@pytest.mark.parametrize(
    ("change", "everywhere"),
    [
        ({}, True),
        ({"conditions": None}, False),
        ({"conditions": {"applications": {"includeApplications": ["All"]}}}, False),
        ({"conditions": {"clientAppTypes": ["all"]}}, False),
        ({"conditions": {"clientAppTypes": ["all"], "applications": {"includeApplications": ["x"]}}}, False),
        ({"conditions": EVERYWHERE["conditions"] | {"platforms": {"includePlatforms": ["iOS"]}}}, False),
        ({"conditions": EVERYWHERE["conditions"] | {"platforms": None}}, True),
        ({"grantControls": None}, False),
        ({"grantControls": {"builtInControls": None}}, False),
        ({"grantControls": {"builtInControls": ["mfa"]}}, False),
    ],
)
def test_a_policy_blocks_everywhere_if_nothing_narrows_it(change: Json, *, everywhere: bool) -> None:
    assert read_policy(EVERYWHERE | change).blocks_everywhere is everywhere


@pytest.mark.parametrize(
    ("applications", "exempts"),
    [
        ({"excludeApplications": ["x"]}, True),
        ({"applicationFilter": {"mode": "exclude", "rule": "x"}}, True),
        ({"excludeApplications": []}, False),
        ({"applicationFilter": None}, False),
    ],
)
def test_apps_are_exempted_by_name_or_by_a_filter(applications: Json, *, exempts: bool) -> None:
    assert read_policy({"conditions": {"applications": applications}}).exempts_apps is exempts


def test_copies_of_a_template_are_found_and_others_are_not() -> None:
    ours = in_tenant(shipped()[BLOCK])
    theirs = handmade(shipped()[BLOCK], "Block guests")
    assert made_here([theirs, ours, ours], BLOCK) == [ours, ours]
    assert made_here([theirs], BLOCK) == []


def test_what_policies_are_made_of() -> None:
    assert (ALL, GUESTS) == ("All", "GuestsOrExternalUsers")
    assert DECIDING == ("conditions", "grantControls", "sessionControls")
    assert [one.value for one in PolicyState] == ["enabled", "disabled", "enabledForReportingButNotEnforced"]
    assert pruned({"list": [{"b": 1}, {"a": 1}]}) == pruned({"list": [{"a": 1}, {"b": 1}]})
