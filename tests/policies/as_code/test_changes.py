from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.policy import Json, Policy, read_policy
from enforcer.policies.as_code.changes import Difference, PolicyAction, creation, plan_changes, update
from sandbox.directory.conformity import misfits
from sandbox.directory.routes.policy_forms import completed, merged
from tests.support.policy_examples import (
    BREAK_GLASS,
    FULL,
    OTHER,
    changed,
    handmade,
    in_tenant,
    remade,
    shipped,
)

BLOCK = "no-group-no-access"
REPORT_ONLY = "enabledForReportingButNotEnforced"


def actions(wanted: list[Policy], tenant: list[Policy], *, enable: bool = False) -> list[PolicyAction | None]:
    return [change.action for change in plan_changes(wanted, tenant, enable=enable)]


def test_what_the_tenant_does_not_have_is_created_in_report_only_state() -> None:
    policy = shipped()[BLOCK]
    assert actions([policy], []) == [PolicyAction.CREATE]
    assert creation(read_policy(policy.body | {"state": "enabled"}))["state"] == REPORT_ONLY


def test_what_is_as_in_the_files_is_left_alone_whatever_its_state() -> None:
    policy = shipped()[BLOCK]
    for state in ("enabled", REPORT_ONLY):
        assert actions([policy], [in_tenant(policy, state)]) == [None]


def test_a_difference_is_shown_with_both_values_and_fixed() -> None:
    policy = shipped()[BLOCK]
    current = changed(in_tenant(policy), excludeUsers=[*BREAK_GLASS, OTHER])
    (change,) = plan_changes([policy], [current], enable=True)
    assert change.action is PolicyAction.UPDATE
    path = "conditions.users.excludeUsers"
    assert change.differences == (
        Difference(path=path, tenant=sorted([*BREAK_GLASS, OTHER]), file=sorted(BREAK_GLASS)),
    )


@pytest.mark.parametrize("part", ["users", "applications"])
def test_an_enabled_policys_reach_is_changed_only_with_enable(part: str) -> None:
    policy = shipped()["allowed-apps-only"]
    body = deepcopy(in_tenant(policy).body)
    extra = {"users": {"includeGroups": [OTHER]}, "applications": {"excludeApplications": [OTHER]}}
    body["conditions"][part] |= extra[part]
    current = read_policy(body)
    (change,) = plan_changes([policy], [current])
    assert (change.action, "--enable" in change.reason) == (PolicyAction.WITHHOLD, True)
    assert actions([policy], [current], enable=True) == [PolicyAction.UPDATE]
    for state in ("disabled", REPORT_ONLY):
        assert actions([policy], [read_policy(body | {"state": state})]) == [PolicyAction.UPDATE]


def test_policies_of_others_are_never_part_of_a_plan() -> None:
    policy = shipped()[BLOCK]
    assert actions([policy], [handmade(in_tenant(policy)), in_tenant(policy)]) == [None]


def test_a_policy_without_a_file_and_a_copy_are_left_for_people_to_delete() -> None:
    policies = shipped()
    copy = read_policy(in_tenant(policies[BLOCK]).body | {"id": "copy"})
    tenant = [in_tenant(policies[BLOCK]), copy, in_tenant(policies["short-sessions"])]
    assert actions([policies[BLOCK]], tenant) == [None, PolicyAction.LEFT_OVER, PolicyAction.LEFT_OVER]


def test_only_what_was_seen_in_the_tenant_as_it_is_gets_enabled() -> None:
    policy = shipped()[BLOCK]
    other = in_tenant(remade(policy, excludeUsers=[*BREAK_GLASS, OTHER]), REPORT_ONLY)
    assert actions([policy], [in_tenant(policy, REPORT_ONLY)], enable=True) == [PolicyAction.ENABLE]
    assert actions([policy], [in_tenant(policy, "disabled")], enable=True) == [PolicyAction.REPORT]
    assert actions([policy], [in_tenant(policy)], enable=True) == [None]
    for tenant in ([], [other]):
        (change,) = plan_changes([policy], tenant, enable=True)
        assert change.action is not PolicyAction.ENABLE
        assert "then enable it" in change.reason


def test_a_policy_disabled_by_people_is_due_with_or_without_enable() -> None:
    policy = shipped()[BLOCK]
    assert actions([policy], [in_tenant(policy, "disabled")]) == [PolicyAction.REPORT]
    assert actions([policy], [in_tenant(policy, "disabled")], enable=True) == [PolicyAction.REPORT]


def test_an_update_never_changes_the_state() -> None:
    assert "state" not in update(shipped()[BLOCK], in_tenant(shipped()[BLOCK]))


def test_an_update_leaves_an_authentication_strength_to_its_id() -> None:
    policy = shipped(FULL)["authentication-strength"]
    sent = update(policy, in_tenant(policy))["grantControls"]["authenticationStrength"]
    assert sent == {"id": "00000000-0000-0000-0000-000000000003"}


def test_where_somebody_has_chosen_another_type_the_part_is_sent_whole() -> None:
    """All tenants lack the property `members` of enumerated tenants: Graph would answer 400."""
    wanted = shipped()[BLOCK]
    side = "includeGuestsOrExternalUsers"
    enumerated = {"guestOrExternalUserTypes": "b2bCollaborationGuest", "externalTenants": _ENUMERATED}
    sent = update(wanted, changed(in_tenant(wanted), **{side: enumerated}))
    assert sent["conditions"]["users"][side] == wanted.body["conditions"]["users"][side]


@pytest.mark.parametrize("key", shipped())
@given(data=st.data())
def test_after_an_update_there_is_nothing_left_to_do(key: str, data: st.DataObject) -> None:
    wanted = shipped()[key]
    current = deepcopy(in_tenant(wanted).body)
    for part, extra in data.draw(_TAMPERING):
        current[part] = _overlaid(current.get(part), extra)
    tampered = read_policy(current)
    assert [*misfits("conditionalAccessPolicy", update(wanted, tampered))] == []
    after = read_policy(completed(merged(current, update(wanted, tampered))))
    assert actions([wanted], [after]) == [None]
    assert after.state is tampered.state


_IDS = st.lists(st.sampled_from([OTHER, *BREAK_GLASS]), unique=True)
_ENUMERATED = {
    "@odata.type": "#microsoft.graph.conditionalAccessEnumeratedExternalTenants",
    "membershipKind": "enumerated",
    "members": [OTHER],
}
_ALL_TENANTS = {
    "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants",
    "membershipKind": "all",
}
_GUESTS = st.fixed_dictionaries(
    {
        "guestOrExternalUserTypes": st.sampled_from(["b2bCollaborationGuest", "internalGuest"]),
        "externalTenants": st.sampled_from([_ENUMERATED, _ALL_TENANTS]),
    }
)
_TAMPERING = st.lists(
    st.one_of(
        st.tuples(
            st.just("conditions"),
            st.fixed_dictionaries(
                {},
                optional={
                    "platforms": st.just({"includePlatforms": ["android"], "excludePlatforms": []}),
                    "locations": st.just({"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}),
                    "signInRiskLevels": st.just(["high"]),
                    "devices": st.just({"deviceFilter": {"mode": "include", "rule": "x"}}),
                    "insiderRiskLevels": st.just("elevated"),
                    "authenticationFlows": st.just({"transferMethods": "deviceCodeFlow"}),
                    "clientAppTypes": st.just(["browser"]),
                    "users": st.fixed_dictionaries(
                        {},
                        optional={
                            "excludeUsers": _IDS,
                            "excludeGroups": _IDS,
                            "includeUsers": _IDS,
                            "includeGuestsOrExternalUsers": _GUESTS,
                            "excludeGuestsOrExternalUsers": _GUESTS,
                        },
                    ),
                },
            ),
        ),
        st.tuples(
            st.just("sessionControls"),
            st.just({"cloudAppSecurity": {"isEnabled": True, "cloudAppSecurityType": "blockDownloads"}}),
        ),
    ),
    max_size=3,
)


def _overlaid(old: Any, extra: Json) -> Json:
    return merged(old or {}, extra)
