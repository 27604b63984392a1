from typing import Any

import msgspec
import pytest

from sandbox.directory import Lag, Quota
from sandbox.directory.conditional_access import Reason, SignIn, why_not
from sandbox.directory.policy_types import Policy, UnknownRuleError, understood
from tests.sandbox.directory.conftest import Scene, error_of

APP = "00000002-0000-0ff1-ce00-000000000000"
GROUP = "aaaaaaaa-0000-0000-0000-000000000001"
OTHER = "aaaaaaaa-0000-0000-0000-000000000002"
PERSON = "bbbbbbbb-0000-0000-0000-000000000001"
HOME = "cccccccc-0000-0000-0000-000000000001"
POLICIES = "/identity/conditionalAccess/policies"
EVALUATE = "/identity/conditionalAccess/evaluate"


def policy(*, state: str = "enabled", apps: dict[str, Any] | None = None, **users: Any) -> dict[str, Any]:
    return {
        "displayName": "Test",
        "state": state,
        "conditions": {
            "clientAppTypes": ["all"],
            "users": users,
            "applications": apps or {"includeApplications": ["All"]},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    }


def verdict(wanted: dict[str, Any], **attempt: Any) -> Reason:
    sign_in = {"user_id": PERSON, "groups": frozenset(), "applications": frozenset({APP}), **attempt}
    return why_not(msgspec.convert(wanted, Policy), SignIn(**sign_in))


COLLABORATION = {"guestOrExternalUserTypes": "internalGuest,b2bCollaborationGuest"}
ONE_TENANT = COLLABORATION | {"externalTenants": {"membershipKind": "enumerated", "members": [HOME]}}


@pytest.mark.parametrize(
    ("users", "attempt", "applies"),
    [
        ({"includeUsers": ["All"]}, {}, True),
        ({"includeUsers": ["None"]}, {}, False),
        ({"includeUsers": [PERSON.upper()]}, {}, True),
        ({"includeUsers": ["All"], "excludeUsers": [PERSON]}, {}, False),
        ({"includeUsers": [PERSON], "excludeGroups": [GROUP]}, {"groups": frozenset({GROUP})}, False),
        ({"includeGroups": [GROUP]}, {"groups": frozenset({GROUP})}, True),
        ({"includeGroups": [GROUP]}, {"groups": frozenset({OTHER})}, False),
        ({"includeGroups": [GROUP], "excludeGroups": [OTHER]}, {"groups": frozenset({GROUP, OTHER})}, False),
        ({"includeRoles": [GROUP]}, {"roles": frozenset({GROUP})}, True),
        ({"includeUsers": ["GuestsOrExternalUsers"]}, {}, False),
        ({"includeUsers": ["GuestsOrExternalUsers"]}, {"guest": "b2bCollaborationMember"}, True),
        (
            {"includeUsers": ["All"], "excludeUsers": ["GuestsOrExternalUsers"]},
            {"guest": "internalGuest"},
            False,
        ),
        ({"includeGuestsOrExternalUsers": COLLABORATION}, {"guest": "b2bCollaborationGuest"}, True),
        ({"includeGuestsOrExternalUsers": COLLABORATION}, {"guest": "b2bCollaborationMember"}, False),
        ({"includeGuestsOrExternalUsers": COLLABORATION}, {}, False),
        (
            {"includeGuestsOrExternalUsers": ONE_TENANT},
            {"guest": "b2bCollaborationGuest", "home_tenant_id": HOME},
            True,
        ),
        (
            {"includeGuestsOrExternalUsers": ONE_TENANT},
            {"guest": "b2bCollaborationGuest", "home_tenant_id": OTHER},
            False,
        ),
        (
            {"includeUsers": ["All"], "excludeGuestsOrExternalUsers": COLLABORATION},
            {"guest": "b2bCollaborationGuest"},
            False,
        ),
    ],
)
def test_whom_a_policy_meets(users: dict[str, Any], attempt: dict[str, Any], *, applies: bool) -> None:
    assert verdict(policy(**users), **attempt) is (Reason.NOT_SET if applies else Reason.USERS)


@pytest.mark.parametrize(
    ("apps", "applies"),
    [
        ({"includeApplications": ["All"]}, True),
        ({"includeApplications": ["None"]}, False),
        ({"includeApplications": [APP]}, True),
        ({"includeApplications": [OTHER]}, False),
        ({"includeApplications": ["Office365"]}, True),
        ({"includeApplications": ["MicrosoftAdminPortals"]}, False),
        ({"includeApplications": ["All"], "excludeApplications": [APP]}, False),
        ({"includeApplications": ["All"], "excludeApplications": ["Office365"]}, False),
        ({"includeUserActions": ["urn:user:registersecurityinfo"]}, False),
    ],
)
def test_which_applications_a_policy_meets(apps: dict[str, Any], *, applies: bool) -> None:
    reason = verdict(policy(includeUsers=["All"], apps=apps))
    assert reason is (Reason.NOT_SET if applies else Reason.APPLICATION)


def _device(mode: str, rule: str) -> dict[str, Any]:
    return {"devices": {"deviceFilter": {"mode": mode, "rule": rule}}}


@pytest.mark.parametrize(
    ("condition", "attempt", "reason"),
    [
        ({"clientAppTypes": ["exchangeActiveSync"]}, {"client_app": "browser"}, Reason.CLIENT_APPS),
        ({"clientAppTypes": ["browser"]}, {"client_app": "browser"}, Reason.NOT_SET),
        ({"platforms": {"includePlatforms": ["android"]}}, {"platform": "windows"}, Reason.DEVICE_PLATFORM),
        (
            {"platforms": {"includePlatforms": ["all"], "excludePlatforms": ["windows"]}},
            {"platform": "windows"},
            Reason.DEVICE_PLATFORM,
        ),
        (
            {"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
            {},
            Reason.NOT_SET,
        ),
        (
            {"locations": {"includeLocations": ["AllTrusted"]}},
            {"locations": frozenset[str]()},
            Reason.LOCATION,
        ),
        ({"locations": {"includeLocations": [OTHER]}}, {"locations": frozenset({OTHER})}, Reason.NOT_SET),
        ({"userRiskLevels": ["high"]}, {"user_risk": "low"}, Reason.USER_RISK),
        ({"signInRiskLevels": ["high"]}, {"sign_in_risk": "none"}, Reason.SIGN_IN_RISK),
        ({"insiderRiskLevels": "elevated"}, {"insider_risk": "elevated"}, Reason.NOT_SET),
        (_device("include", "device.isCompliant -eq True"), {"device": {}}, Reason.DEVICES),
        (_device("exclude", "device.isCompliant -eq True"), {"device": {}}, Reason.NOT_SET),
        (_device("exclude", "device.isCompliant -ne True"), {"device": {}}, Reason.DEVICES),
        (
            _device("exclude", "device.isCompliant -eq True"),
            {"device": {"isCompliant": True}},
            Reason.DEVICES,
        ),
        (
            {"authenticationFlows": {"transferMethods": "deviceCodeFlow"}},
            {"authentication_flow": "none"},
            Reason.AUTHENTICATION_FLOW,
        ),
        ({"clientApplications": {"includeServicePrincipals": ["x"]}}, {}, Reason.WORKLOAD_IDENTITIES),
        ({"agents": {"includeAgentUsers": ["All"]}}, {}, Reason.WORKLOAD_IDENTITIES),
        ({"agentIdRiskLevels": "high"}, {}, Reason.WORKLOAD_IDENTITIES),
    ],
)
def test_every_other_condition_must_be_met(
    condition: dict[str, Any], attempt: dict[str, Any], reason: Reason
) -> None:
    wanted = policy(includeUsers=["All"])
    wanted["conditions"] |= condition
    assert verdict(wanted, **attempt) is reason


@pytest.mark.parametrize(
    "condition",
    [
        {"locations": {"includeLocations": ["AllTrusted"]}},
        {"platforms": {"includePlatforms": ["android"]}},
        {"signInRiskLevels": ["high"]},
        {"userRiskLevels": ["high"]},
        {"insiderRiskLevels": "elevated"},
        _device("include", "device.isCompliant -eq True"),
        {"authenticationFlows": {"transferMethods": "deviceCodeFlow"}},
    ],
)
def test_a_condition_without_input_is_not_evaluated(condition: dict[str, Any]) -> None:
    wanted = policy(includeUsers=["All"])
    wanted["conditions"] |= condition
    assert verdict(wanted) is Reason.NOT_SET


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"times": {"includedRanges": ["night"]}}, True),
        ({"aConditionOfTheFuture": "x"}, True),
        ({"times": None, "deviceStates": {"includeStates": []}}, False),
        ({"applications": {"includeApplications": ["<App>"]}}, True),
        ({"applications": {"includeApplications": ["AllAgentIdResources"]}}, False),
    ],
)
def test_what_the_sandbox_does_not_know_it_refuses(change: dict[str, Any], *, refused: bool) -> None:
    wanted = policy(includeUsers=["All"])
    wanted["conditions"] |= change
    if refused:
        with pytest.raises(UnknownRuleError):
            understood(wanted)
    else:
        assert understood(wanted).display_name == "Test"


WINDOWS_AZURE_AD = "00000002-0000-0000-c000-000000000000"


@pytest.mark.parametrize(
    ("excluded", "applies"),
    [([], True), ([APP], True), ([APP, WINDOWS_AZURE_AD], False), (["Office365"], True)],
)
def test_basic_scopes_are_evaluated_as_windows_azure_ad(excluded: list[str], *, applies: bool) -> None:
    apps = {"includeApplications": ["All"], "excludeApplications": excluded}
    reason = verdict(policy(includeUsers=["All"], apps=apps), basic=True)
    assert reason is (Reason.NOT_SET if applies else Reason.APPLICATION)


@pytest.mark.parametrize(
    ("mode", "attributes", "applies"),
    [
        ("include", {"X_Y": "open"}, True),
        ("include", {}, False),
        ("exclude", {"X_Y": "open"}, False),
        ("exclude", {}, True),
    ],
)
def test_apps_may_be_chosen_by_their_attributes(
    mode: str, attributes: dict[str, str], *, applies: bool
) -> None:
    rule = {"mode": mode, "rule": 'CustomSecurityAttribute.X_Y -eq "open"'}
    apps = {"includeApplications": ["All"] if mode == "exclude" else [], "applicationFilter": rule}
    reason = verdict(policy(includeUsers=["All"], apps=apps), app_attributes={APP: attributes})
    assert reason is (Reason.NOT_SET if applies else Reason.APPLICATION)


def test_user_actions_and_authentication_contexts_are_apart_from_apps() -> None:
    registering = policy(includeUsers=["All"], apps={"includeUserActions": ["urn:user:registersecurityinfo"]})
    assert verdict(registering, user_action="registerSecurityInformation") is Reason.NOT_SET
    assert verdict(registering, user_action="registerOrJoinDevices") is Reason.USER_ACTIONS
    context = policy(includeUsers=["All"], apps={"includeAuthenticationContextClassReferences": ["c1"]})
    assert verdict(context, authentication_context="c1") is Reason.NOT_SET
    assert verdict(context, authentication_context="c2") is Reason.AUTHENTICATION_CONTEXT
    assert verdict(policy(includeUsers=["All"]), authentication_context="c1") is Reason.AUTHENTICATION_CONTEXT


def test_a_disabled_policy_meets_nobody_and_one_in_report_only_does() -> None:
    assert verdict(policy(state="disabled", includeUsers=["All"])) is Reason.POLICY_NOT_ENABLED
    report_only = policy(state="enabledForReportingButNotEnforced", includeUsers=["All"])
    assert verdict(report_only) is Reason.NOT_SET


@pytest.fixture
def unhurried(scene: Scene) -> Scene:
    scene.sandbox.settings.conditional_access_quota = Quota(limit=1_000, seconds=1)
    return scene


def guests(tenants: dict[str, Any]) -> dict[str, Any]:
    return {"guestOrExternalUserTypes": "b2bCollaborationGuest", "externalTenants": tenants}


def question(user_id: str, **more: Any) -> dict[str, Any]:
    return {
        "signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": user_id},
        "signInContext": {"@odata.type": "#microsoft.graph.applicationContext", "includeApplications": [APP]},
        "signInConditions": {"clientAppType": "browser"},
        **more,
    }


@pytest.mark.anyio
async def test_a_policy_is_created_changed_and_deleted(unhurried: Scene) -> None:
    strength = {"id": "00000000-0000-0000-0000-000000000004"}
    wanted = policy(includeGroups=[unhurried.group.id]) | {
        "grantControls": {"operator": "OR", "authenticationStrength": strength}
    }
    created = await unhurried.http.post(POLICIES, json=wanted)
    assert created.status_code == 201
    shown = created.json()
    assert shown["conditions"]["users"]["excludeGroups"] == []
    assert shown["grantControls"]["authenticationStrength"]["displayName"] == "Phishing-resistant MFA"
    path = f"{POLICIES}/{shown['id']}"
    changes = {"state": "disabled", "conditions": {"users": {"excludeUsers": [unhurried.ada.id]}}}
    assert (await unhurried.http.patch(path, json=changes)).status_code == 204
    after = (await unhurried.http.get(path)).json()
    assert (after["state"], after["createdDateTime"]) == ("disabled", shown["createdDateTime"])
    assert after["conditions"]["users"]["includeGroups"] == [unhurried.group.id]
    assert after["conditions"]["users"]["excludeUsers"] == [unhurried.ada.id]
    named = await unhurried.http.get(POLICIES, params={"$filter": "displayName eq 'Test'"})
    assert [one["id"] for one in named.json()["value"]] == [shown["id"]]
    assert (await unhurried.http.delete(path)).status_code == 204
    assert (await unhurried.http.get(path)).status_code == 404


@pytest.mark.anyio
@pytest.mark.parametrize(
    "change",
    [
        {"state": "on"},
        {"conditions": None},
        {"conditions": {"clientAppTypes": [], "users": {"includeUsers": ["All"]}}},
        {"grantControls": None},
        {"grantControls": {"operator": "OR", "builtInControls": ["block", "mfa"]}},
        {"grantControls": {"operator": "OR", "authenticationStrength": {"id": OTHER}}},
    ],
)
async def test_a_malformed_policy_is_refused(unhurried: Scene, change: dict[str, Any]) -> None:
    response = await unhurried.http.post(POLICIES, json=policy(includeUsers=["All"]) | change)
    assert error_of(response) == (400, "BadRequest")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "change",
    [
        {"conditions": {"nonsense": 1}},
        {"nonsense": 1},
        {"conditions": {"userRiskLevels": ["extreme"]}},
        {"conditions": {"users": {"includeUsers": "All"}}},
        {"grantControls": {"builtInControls": ["forbid"]}},
        {"sessionControls": {"signInFrequency": {"isEnabled": "yes"}}},
        {"conditions": {"users": {"excludeGuestsOrExternalUsers": guests({"membershipKind": "all"})}}},
        {
            "conditions": {
                "users": {
                    "excludeGuestsOrExternalUsers": guests(
                        {
                            "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants",
                            "membershipKind": "all",
                            "members": [OTHER],
                        }
                    )
                }
            }
        },
    ],
)
async def test_a_change_unknown_to_graphs_types_is_refused_without_effect(
    unhurried: Scene, change: dict[str, Any]
) -> None:
    made = (await unhurried.http.post(POLICIES, json=policy(includeUsers=["All"]))).json()
    path = f"{POLICIES}/{made['id']}"
    assert error_of(await unhurried.http.patch(path, json=change)) == (400, "BadRequest")
    assert (await unhurried.http.get(path)).json() == made


@pytest.mark.anyio
@pytest.mark.parametrize(
    "change",
    [
        {"signInIdentity": {"userId": OTHER}},
        {"signInIdentity": {"@odata.type": "#microsoft.graph.applicationContext"}},
        {"signInContext": {"includeApplications": [APP]}},
        {"signInConditions": {"clientAppType": "bowser"}},
        {"signInConditions": {"devicePlatform": "amiga"}},
        {"appliedPoliciesOnly": "true"},
        {"nonsense": True},
    ],
)
async def test_a_question_that_graphs_types_do_not_have_is_refused(
    unhurried: Scene, change: dict[str, Any]
) -> None:
    asked = question(unhurried.ada.id) | change
    assert error_of(await unhurried.http.post(EVALUATE, json=asked)) == (400, "BadRequest")


@pytest.mark.anyio
@pytest.mark.parametrize("users", [{}, {"includeGroups": ["{{group}}"]}, {"includeUsers": ["everybody"]}])
async def test_a_policy_must_name_whom_it_includes(unhurried: Scene, users: dict[str, Any]) -> None:
    assert error_of(await unhurried.http.post(POLICIES, json=policy(**users))) == (400, "BadRequest")


@pytest.mark.anyio
async def test_what_if_says_which_policies_apply_and_why_others_do_not(unhurried: Scene) -> None:
    outer = unhurried.tenant.add_group("Outer", members=[unhurried.group])
    for wanted in (
        policy(includeUsers=["All"], excludeGroups=[outer.id]) | {"displayName": "No group, no access"},
        policy(includeUsers=["GuestsOrExternalUsers"]) | {"displayName": "Guests"},
    ):
        await unhurried.http.post(POLICIES, json=wanted)
    answer = (await unhurried.http.post(EVALUATE, json=question(unhurried.gus.id))).json()
    assert answer["@odata.context"].endswith("#Collection(microsoft.graph.whatIfAnalysisResult)")
    found = {one["displayName"]: (one["policyApplies"], one["analysisReasons"]) for one in answer["value"]}
    assert found == {"No group, no access": (False, "users"), "Guests": (True, "notSet")}
    applied = await unhurried.http.post(EVALUATE, json=question(unhurried.gus.id, appliedPoliciesOnly=True))
    assert [one["displayName"] for one in applied.json()["value"]] == ["Guests"]


@pytest.mark.anyio
async def test_what_if_sees_memberships_as_replicas_do(unhurried: Scene) -> None:
    await unhurried.http.post(POLICIES, json=policy(includeUsers=["All"], excludeGroups=[unhurried.group.id]))
    unhurried.sandbox.settings.removal_lag = Lag(seconds=60)
    await unhurried.http.delete(f"{unhurried.members}/{unhurried.gus.id}/$ref")
    asked = question(unhurried.gus.id, appliedPoliciesOnly=True)
    assert (await unhurried.http.post(EVALUATE, json=asked)).json()["value"] == []
    unhurried.sandbox.clock.advance(61)
    assert len((await unhurried.http.post(EVALUATE, json=asked)).json()["value"]) == 1


@pytest.mark.anyio
async def test_what_if_asks_about_somebody_who_exists_and_in_full(unhurried: Scene) -> None:
    assert (await unhurried.http.post(EVALUATE, json=question(OTHER))).status_code == 404
    assert (await unhurried.http.post(EVALUATE, json={"signInIdentity": {}})).status_code == 400


@pytest.mark.anyio
async def test_the_built_in_strengths_are_listed(unhurried: Scene) -> None:
    listed = await unhurried.http.get("/policies/authenticationStrengthPolicies")
    assert {one["displayName"] for one in listed.json()["value"]} >= {"Phishing-resistant MFA"}
