from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.directory import Attempt, Group, Outcome, Tenant, User, try_to_sign_in
from sandbox.directory.routes.policy_forms import completed

APP = "dddddddd-0000-0000-0000-000000000001"


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()


@pytest.fixture
def ada(tenant: Tenant) -> User:
    return tenant.add_user("Ada Lovelace")


@pytest.fixture
def gus(tenant: Tenant) -> User:
    return tenant.add_guest("Gus Guest", "gus@partner.example")


@pytest.fixture
def group(tenant: Tenant, ada: User, gus: User) -> Group:
    return tenant.add_group("Contractors", members=[ada, gus])


def add_policy(
    tenant: Tenant, name: str, users: dict[str, Any], *controls: str, state: str = "enabled"
) -> None:
    tenant.policies[name] = completed(
        {
            "id": name,
            "displayName": name,
            "state": state,
            "conditions": {
                "clientAppTypes": ["all"],
                "users": users,
                "applications": {"includeApplications": ["All"]},
            },
            "grantControls": {"operator": "AND", "builtInControls": list(controls)},
        }
    )


def sign_in(tenant: Tenant, user: User, **more: Any) -> Outcome:
    return try_to_sign_in(Attempt(user=user.id, app=APP, **more), tenant)


def test_without_policies_everybody_gets_in(tenant: Tenant, ada: User) -> None:
    assert sign_in(tenant, ada).signed_in


def test_a_policy_that_includes_the_group_frees_whoever_leaves_it(
    tenant: Tenant, group: Group, ada: User
) -> None:
    add_policy(tenant, "naive", {"includeGroups": [group.id]}, "mfa")
    assert sign_in(tenant, ada, satisfies=[]).reason == "controls_not_met"
    tenant.remove_member(group, ada)
    assert sign_in(tenant, ada, satisfies=[]).reason == "granted"


def test_a_policy_that_excludes_the_group_blocks_whoever_leaves_it(
    tenant: Tenant, group: Group, gus: User
) -> None:
    add_policy(
        tenant, "gate", {"includeUsers": ["GuestsOrExternalUsers"], "excludeGroups": [group.id]}, "block"
    )
    assert sign_in(tenant, gus).signed_in
    tenant.remove_member(group, gus)
    outcome = sign_in(tenant, gus)
    assert (outcome.signed_in, outcome.reason, outcome.blocked_by) == (False, "blocked_by_policy", ["gate"])


def test_report_only_blocks_nobody(tenant: Tenant, ada: User) -> None:
    add_policy(tenant, "trial", {"includeUsers": ["All"]}, "block", state="enabledForReportingButNotEnforced")
    outcome = sign_in(tenant, ada)
    assert outcome.signed_in
    assert [one.result for one in outcome.policies] == ["report_only"]


def test_all_controls_are_needed_where_a_policy_says_so(tenant: Tenant, ada: User) -> None:
    add_policy(tenant, "both", {"includeUsers": ["All"]}, "mfa", "compliantDevice")
    assert not sign_in(tenant, ada, satisfies=["mfa"]).signed_in
    assert sign_in(tenant, ada, satisfies=["mfa", "compliantDevice"]).signed_in


def test_disabled_and_unknown_accounts_stay_out(tenant: Tenant, ada: User) -> None:
    ada.account_enabled = False
    assert sign_in(tenant, ada).reason == "account_disabled"
    assert try_to_sign_in(Attempt(user="nobody", app=APP), tenant).reason == "unknown_user"


def test_a_nested_group_does_not_satisfy_a_required_assignment(
    tenant: Tenant, group: Group, ada: User
) -> None:
    application = tenant.add_application("Portal", app_id=APP, app_role_assignment_required=True)
    outer = tenant.add_group("Outer", members=[group])
    tenant.assign(outer, application)
    assert sign_in(tenant, ada).reason == "not_assigned"
    tenant.assign(group, application)
    assert sign_in(tenant, ada).signed_in


def test_revoking_ends_a_members_session_and_leaves_a_guests_alone(
    tenant: Tenant, ada: User, gus: User
) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    for user in (ada, gus):
        user.sign_in_sessions_valid_from_date_time = datetime.now(UTC)
    sessions = [sign_in(tenant, user, session_issued_at=began).session for user in (ada, gus)]
    assert [(one.alive, one.reason) for one in sessions if one] == [(False, "revoked"), (True, "home_tenant")]


def test_revoking_reaches_internal_guests_but_not_invited_ones(
    tenant: Tenant,
) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    internal = tenant.add_user("Ida Internal", user_type="Guest")
    renamed = tenant.add_guest("Rene", "rene@partner.example", user_principal_name=f"rene@{tenant.domain}")
    for user in (internal, renamed):
        user.sign_in_sessions_valid_from_date_time = datetime.now(UTC)
    sessions = [sign_in(tenant, user, session_issued_at=began).session for user in (internal, renamed)]
    assert [one.reason for one in sessions if one] == ["revoked", "home_tenant"]


def test_a_session_that_began_later_lives(tenant: Tenant, ada: User) -> None:
    session = sign_in(tenant, ada, session_issued_at=datetime.now(UTC)).session
    assert session is not None
    assert session.alive


def test_a_disabled_guest_keeps_the_home_session_and_stays_out_here(tenant: Tenant, gus: User) -> None:
    gus.account_enabled = False
    outcome = sign_in(tenant, gus, session_issued_at=datetime.now(UTC))
    assert (outcome.signed_in, outcome.reason) == (False, "account_disabled")
    assert outcome.session is not None
    assert outcome.session.alive


def test_a_guests_device_counts_only_where_devices_are_trusted(tenant: Tenant, ada: User, gus: User) -> None:
    add_policy(tenant, "device", {"includeUsers": ["All"]}, "compliantDevice")
    assert sign_in(tenant, ada).signed_in
    assert sign_in(tenant, gus).reason == "controls_not_met"
    tenant.trusts_guest_devices = True
    assert sign_in(tenant, gus).signed_in


@pytest.mark.parametrize(("provider", "reason"), [("entra", "controls_not_met"), ("passcode", "granted")])
def test_a_strength_reaches_only_guests_who_sign_in_with_entra(
    tenant: Tenant, gus: User, provider: str, reason: str
) -> None:
    add_policy(tenant, "strength", {"includeUsers": ["All"]}, "mfa")
    strength = {"operator": "OR", "authenticationStrength": {"id": "00000000-0000-0000-0000-000000000002"}}
    tenant.policies["strength"] = completed(tenant.policies["strength"] | {"grantControls": strength})
    gus.identity_provider = provider
    assert sign_in(tenant, gus, satisfies=[]).reason == reason


def test_terms_of_use_have_to_be_accepted(tenant: Tenant, ada: User) -> None:
    add_policy(tenant, "terms", {"includeUsers": ["All"]}, "mfa")
    tenant.policies["terms"]["grantControls"] |= {"builtInControls": [], "termsOfUse": ["terms"]}
    assert sign_in(tenant, ada, satisfies=["mfa"]).reason == "controls_not_met"
    assert sign_in(tenant, ada).signed_in


def test_an_unregistered_device_meets_a_policy_that_exempts_managed_ones(tenant: Tenant, ada: User) -> None:
    add_policy(tenant, "device", {"includeUsers": ["All"]}, "block")
    exempt = {"deviceFilter": {"mode": "exclude", "rule": "device.isCompliant -eq True"}}
    tenant.policies["device"]["conditions"]["devices"] = exempt
    assert sign_in(tenant, ada).reason == "blocked_by_policy"
    assert sign_in(tenant, ada, device={"isCompliant": True}).signed_in


def test_basic_scopes_meet_a_policy_that_exempts_the_app(tenant: Tenant, ada: User) -> None:
    add_policy(tenant, "apps", {"includeUsers": ["All"]}, "block")
    tenant.policies["apps"]["conditions"]["applications"]["excludeApplications"] = [APP]
    assert sign_in(tenant, ada).signed_in
    assert sign_in(tenant, ada, scopes=["openid", "User.Read"]).reason == "blocked_by_policy"
    assert sign_in(tenant, ada, scopes=["openid", "Files.Read"]).signed_in
