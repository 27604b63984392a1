"""The shapes of real policies, through coverage, drift, the guard and the sandbox's evaluation."""

from __future__ import annotations

import pytest

from enforcer.core.coverage import Coverage, GroupPeople, Population, would_block
from enforcer.core.drift import DriftKind, find_drift
from enforcer.core.members import DirectoryUser
from enforcer.core.policy import Json, Policy, read_policy
from enforcer.core.user_kind import UserKind
from enforcer.policies.as_code.asking import unaskable
from sandbox.directory.conditional_access import Reason, SignIn, why_not
from sandbox.directory.policy_types import UnknownRuleError, understood
from tests.support.policy_examples import GROUP
from tests.support.policy_shapes import GLASS_GROUP, SHAPES, Shape

GUEST = DirectoryUser(id="guest", user_kind=UserKind.EXTERNAL, user_type="Guest")
MEMBER = DirectoryUser(id="member", user_type="Member")
SHAREPOINT = "00000003-0000-0ff1-ce00-000000000000"
every_shape = pytest.mark.parametrize("name", SHAPES)


def body_of(shape: Shape) -> Json:
    controls = {"operator": "OR", "builtInControls": list(shape.controls)}
    return {
        "displayName": "Real",
        "state": "enabled",
        "conditions": shape.conditions,
        "grantControls": controls,
    }


def apart(shape: Shape) -> Policy:
    """Return the policy, made to exclude the managed group as a substitute has to."""
    users = shape.conditions["users"]
    excluded = {"excludeGroups": [*users.get("excludeGroups", ()), GROUP]}
    return read_policy(body_of(shape) | {"conditions": shape.conditions | {"users": users | excluded}})


@every_shape
def test_the_shape_covers_exactly_whom_it_blocks(name: str) -> None:
    policy, facts = apart(SHAPES[name]), {GLASS_GROUP: GroupPeople()}
    verdicts = [(person.id, would_block(policy, person, facts).coverage) for person in (GUEST, MEMBER)]
    assert [one for one, coverage in verdicts if coverage is Coverage.COVERED] == SHAPES[name].covers.split()


@every_shape
def test_the_shape_stands_in_for_ours_only_where_it_covers_members(name: str) -> None:
    population = Population(members=(GUEST, MEMBER), groups={GLASS_GROUP: GroupPeople()})
    kinds = [drift.kind for drift in find_drift([apart(SHAPES[name])], (GROUP,), population)]
    wanted = {2: [], 1: [DriftKind.NOT_COVERED], 0: [DriftKind.MISSING]}
    assert kinds == wanted[len(SHAPES[name].covers.split())]


@every_shape
def test_the_guard_asks_about_the_shape_or_says_that_it_cannot(name: str) -> None:
    assert bool(unaskable(read_policy(body_of(SHAPES[name])))) is not SHAPES[name].askable


@every_shape
def test_the_sandbox_evaluates_the_shape_as_entra_does_or_refuses(name: str) -> None:
    attempt = SignIn(
        user_id="guest",
        groups=frozenset(),
        guest="b2bCollaborationGuest",
        applications=frozenset({SHAREPOINT}),
        client_app="browser",
        platform="windows",
        device={},
        locations=frozenset(),
        sign_in_risk="none",
        insider_risk="none",
        authentication_flow="none",
    )
    if SHAPES[name].meets is None:
        with pytest.raises(UnknownRuleError):
            understood(body_of(SHAPES[name]))
    else:
        reason = why_not(understood(body_of(SHAPES[name])), attempt)
        assert (reason is Reason.NOT_SET) is SHAPES[name].meets
