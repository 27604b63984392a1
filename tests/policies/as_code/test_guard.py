from __future__ import annotations

import msgspec
import pytest

from enforcer.core.policy import Policy, read_policy
from enforcer.policies.as_code.guard import BreakGlass, dangers
from enforcer.policies.as_code.parameters import Parameters
from tests.support.policy_examples import BREAK_GLASS, GROUP, OTHER, VALUES, changed, shipped

BLOCK = "no-group-no-access"


GLASS = BreakGlass(frozenset(BREAK_GLASS))


def dangers_of(policy: Policy) -> list[str]:
    return dangers([policy], (GROUP,), GLASS)


def test_the_shipped_policies_lock_nobody_out() -> None:
    assert dangers(list(shipped().values()), (GROUP,), GLASS) == []


def test_without_break_glass_accounts_nothing_goes() -> None:
    policies = shipped(Parameters(break_glass_accounts=(), allowed_apps=("Office365",)))
    (danger,) = dangers(list(policies.values()), (GROUP,), BreakGlass(frozenset()))
    assert danger.startswith("breakGlassAccounts and breakGlassGroups are empty")


def test_break_glass_groups_have_to_be_excluded_everywhere() -> None:
    glass = BreakGlass(frozenset(), frozenset({OTHER}))
    policies = shipped(msgspec.structs.replace(VALUES, break_glass_accounts=(), break_glass_groups=(OTHER,)))
    assert dangers(list(policies.values()), (GROUP,), glass) == []
    without = dangers(list(shipped().values()), (GROUP,), glass)
    assert without == [f"{key}: does not exclude the break-glass group {OTHER}" for key in shipped()]
    (danger,) = dangers([], (OTHER,), glass)
    assert danger == f"breakGlassGroups: {OTHER} is a managed group"


@pytest.mark.parametrize(
    ("conditions", "refused"),
    [
        ({"applications": {"includeApplications": ["All"]}}, True),
        ({"applications": {"includeApplications": [OTHER]}}, False),
        ({"applications": {"includeApplications": ["All"]}, "clientAppTypes": ["other"]}, False),
        ({"applications": {"includeApplications": ["All"], "excludeApplications": [OTHER]}}, False),
    ],
)
def test_a_template_is_refused_only_where_it_blocks_every_app(
    conditions: dict[str, object], *, refused: bool
) -> None:
    body = shipped()["allowed-apps-only"].body
    policy = read_policy(body | {"conditions": body["conditions"] | conditions})
    assert bool(dangers_of(policy)) is refused


@pytest.mark.parametrize("key", shipped())
@pytest.mark.parametrize(
    ("users", "danger"),
    [
        ({"excludeUsers": [BREAK_GLASS[0]]}, f"does not exclude the break-glass account {BREAK_GLASS[1]}"),
        ({"includeUsers": ["All"]}, "includes all users of the tenant"),
        ({"includeUsers": [BREAK_GLASS[0]]}, f"includes the break-glass account {BREAK_GLASS[0]}"),
        ({"includeRoles": [OTHER]}, "includes administrator roles"),
    ],
)
def test_what_would_lock_out_administrators_or_everybody_is_named(
    key: str, users: dict[str, object], danger: str
) -> None:
    assert f"{key}: {danger}" in dangers_of(changed(shipped()[key], **users))


def test_a_template_that_is_enabled_from_the_start_is_named() -> None:
    policy = shipped()[BLOCK]
    assert "has the state enabled" in dangers_of(read_policy(policy.body | {"state": "enabled"}))[0]


def test_a_block_policy_that_does_not_exclude_a_managed_group_is_named() -> None:
    assert dangers([shipped()[BLOCK]], (GROUP, OTHER), GLASS) == [
        f"{BLOCK}: does not exclude the managed group {OTHER}"
    ]


def test_a_block_policy_whose_population_is_the_managed_group_is_named() -> None:
    (danger,) = dangers_of(changed(shipped()[BLOCK], includeGroups=[GROUP]))
    assert "nobody who has left it would be blocked" in danger


def test_a_block_policy_for_nobody_is_named() -> None:
    nobody = msgspec.structs.replace(VALUES, population_groups=(), guest_types=())
    (danger,) = dangers_of(shipped(nobody)[BLOCK])
    assert "blocks nobody" in danger


def test_allowed_apps_only_without_an_app_is_named() -> None:
    (danger,) = dangers_of(shipped(msgspec.structs.replace(VALUES, allowed_apps=()))["allowed-apps-only"])
    assert "blocks every app" in danger
