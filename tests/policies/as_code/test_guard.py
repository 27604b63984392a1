from __future__ import annotations

import msgspec
import pytest

from enforcer.core.policy import Policy, read_policy
from enforcer.policies.as_code.guard import dangers
from enforcer.policies.as_code.parameters import Parameters
from tests.support.policy_examples import BREAK_GLASS, GROUP, OTHER, VALUES, changed, shipped

BLOCK = "no-group-no-access"


def dangers_of(policy: Policy) -> list[str]:
    return dangers([policy], (GROUP,), BREAK_GLASS)


def test_the_shipped_policies_lock_nobody_out() -> None:
    assert dangers(list(shipped().values()), (GROUP,), BREAK_GLASS) == []


def test_without_break_glass_accounts_nothing_goes() -> None:
    policies = shipped(Parameters(break_glass_accounts=(), allowed_apps=("Office365",)))
    assert "breakGlassAccounts is empty" in dangers(list(policies.values()), (GROUP,), ())[0]


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
    assert dangers([shipped()[BLOCK]], (GROUP, OTHER), BREAK_GLASS) == [
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
