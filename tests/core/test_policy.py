from __future__ import annotations

from typing import Any

import pytest

from enforcer.core.policy import PolicyState, digest, pruned, read_policy
from tests.support.policy_examples import OTHER, changed, handmade, in_tenant, shipped

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
    full = in_tenant(shipped()["strong-sign-in"]).body["grantControls"]
    assert pruned(full)["authenticationStrength"] == {"id": "00000000-0000-0000-0000-000000000002"}


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
