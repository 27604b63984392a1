"""Which Conditional Access policies apply to a sign-in, as Entra evaluates them.

Exclusions override inclusions, nested groups count, every kind of condition must match; a condition whose
input was not supplied is not evaluated. What is not understood here is refused. Sources: Microsoft Entra,
Conditional Access: users and groups, target resources, conditions, filter for devices; Graph,
conditionalAccessRoot: evaluate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sandbox.directory.attribute_rules import matches
from sandbox.directory.entra_apps import SUITES, WINDOWS_AZURE_AD
from sandbox.directory.objects import GuestKind
from sandbox.directory.policy_types import (
    ALL,
    ALL_GUESTS,
    Applications,
    Conditions,
    Devices,
    Guests,
    Locations,
    Names,
    Platforms,
    Policy,
    PolicyState,
    Users,
)
from sandbox.directory.tenant import Json

_USER_ACTIONS = {
    "registerSecurityInformation": "urn:user:registersecurityinfo",
    "registerOrJoinDevices": "urn:user:registerdevice",
}


class Reason(StrEnum):
    """Why a policy does not apply."""

    NOT_SET = "notSet"
    NOT_ENOUGH_INFORMATION = "notEnoughInformation"
    USERS = "users"
    WORKLOAD_IDENTITIES = "workloadIdentities"
    APPLICATION = "application"
    USER_ACTIONS = "userActions"
    AUTHENTICATION_CONTEXT = "authenticationContext"
    CLIENT_APPS = "clientApps"
    DEVICE_PLATFORM = "devicePlatform"
    DEVICES = "devices"
    LOCATION = "location"
    SIGN_IN_RISK = "signInRisk"
    USER_RISK = "userRisk"
    INSIDER_RISK = "insiderRisk"
    AUTHENTICATION_FLOW = "authenticationFlow"
    POLICY_NOT_ENABLED = "policyNotEnabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """An attempt; what is None was not supplied.

    Attributes:
        groups: All of the person's, nested ones too.
        user_action, authentication_context: What is done instead of signing in to `applications`.
        basic: Only basic scopes are asked for.
        app_attributes: Custom security attributes (`Set_Name`) of applications, by app ID.
        device: The device's properties; none if it is not registered.
        locations: The named locations that it comes from.
    """

    user_id: str
    groups: frozenset[str]
    roles: frozenset[str] = frozenset()
    guest: str | None = None
    home_tenant_id: str | None = None
    applications: frozenset[str] = frozenset()
    user_action: str | None = None
    authentication_context: str | None = None
    basic: bool = False
    app_attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    client_app: str | None = None
    platform: str | None = None
    device: Mapping[str, object] | None = None
    locations: frozenset[str] | None = None
    sign_in_risk: str | None = None
    user_risk: str | None = None
    insider_risk: str | None = None
    authentication_flow: str | None = None


def why_not(policy: Policy, attempt: SignIn) -> Reason:
    """Return why a policy does not apply to this sign-in; NOT_SET if it does."""
    conditions = policy.conditions
    target, reason = _target(conditions.applications, attempt)
    verdicts = (
        (policy.state is not PolicyState.DISABLED, Reason.POLICY_NOT_ENABLED),
        (not _is_about_workloads(conditions), Reason.WORKLOAD_IDENTITIES),
        (_meets_user(conditions.users, attempt), Reason.USERS),
        (target, reason),
        (_meets_client(conditions.client_app_types, attempt), Reason.CLIENT_APPS),
        (_meets_platform(conditions.platforms, attempt), Reason.DEVICE_PLATFORM),
        (_meets_place(conditions.locations, attempt), Reason.LOCATION),
        (_meets_risk(conditions.sign_in_risk_levels, attempt.sign_in_risk), Reason.SIGN_IN_RISK),
        (_meets_risk(conditions.user_risk_levels, attempt.user_risk), Reason.USER_RISK),
        (_meets_risk(_flags(conditions.insider_risk_levels), attempt.insider_risk), Reason.INSIDER_RISK),
        (_meets_device(conditions.devices, attempt), Reason.DEVICES),
        (_meets_flow(conditions.authentication_flows, attempt), Reason.AUTHENTICATION_FLOW),
    )
    return next((reason for met, reason in verdicts if not met), Reason.NOT_SET)


def _is_about_workloads(conditions: Conditions) -> bool:
    return bool(
        conditions.client_applications
        or conditions.service_principal_risk_levels
        or conditions.agents
        or conditions.agent_context
        or conditions.agent_id_risk_levels
    )


def _meets_user(users: Users, attempt: SignIn) -> bool:
    included = (
        ALL in (users.include_users or ())
        or _names(users.include_users, users.include_groups, users.include_roles, attempt)
        or _is_guest(users.include_guests_or_external_users, attempt)
    )
    excluded = _names(users.exclude_users, users.exclude_groups, users.exclude_roles, attempt) or _is_guest(
        users.exclude_guests_or_external_users, attempt
    )
    return included and not excluded


def _names(users: Names, groups: Names, roles: Names, attempt: SignIn) -> bool:
    return (
        attempt.user_id in _lower(users)
        or (ALL_GUESTS in (users or ()) and attempt.guest is not None)
        or not attempt.groups.isdisjoint(_lower(groups))
        or not attempt.roles.isdisjoint(_lower(roles))
    )


def _is_guest(guests: Guests | None, attempt: SignIn) -> bool:
    if guests is None or attempt.guest is None:
        return False
    kinds = {kind.strip() for kind in guests.guest_or_external_user_types.split(",")}
    if attempt.guest not in kinds:
        return False
    tenants = guests.external_tenants
    if tenants is None or tenants.membership_kind == "all" or attempt.guest == GuestKind.INTERNAL_GUEST:
        return True
    return (attempt.home_tenant_id or "").lower() in _lower(tenants.members)


def _target(applications: Applications, attempt: SignIn) -> tuple[bool, Reason]:
    """Return whether the policy is about what is signed in to or done, and why if it is not."""
    if attempt.user_action is not None:
        actions = applications.include_user_actions or ()
        return _USER_ACTIONS.get(attempt.user_action) in actions, Reason.USER_ACTIONS
    if attempt.authentication_context is not None:
        contexts = applications.include_authentication_context_class_references or ()
        return attempt.authentication_context in contexts, Reason.AUTHENTICATION_CONTEXT
    return any(_meets(applications, app, attempt) for app in attempt.applications), Reason.APPLICATION


def _meets(applications: Applications, app: str, attempt: SignIn) -> bool:
    everything = ALL in (applications.include_applications or ())
    if everything and attempt.basic and _has_exclusions(applications):
        # Since March 2026, also for an app that is excluded itself.
        return not _covers(applications.exclude_applications, WINDOWS_AZURE_AD)
    chosen = applications.application_filter
    matched = chosen is not None and matches(chosen.rule, attempt.app_attributes.get(app.lower(), {}))
    mode = chosen.mode if chosen else ""
    included = _covers(applications.include_applications, app) or (mode == "include" and matched)
    excluded = _covers(applications.exclude_applications, app) or (mode == "exclude" and matched)
    return included and not excluded


def _has_exclusions(applications: Applications) -> bool:
    chosen = applications.application_filter
    return bool(applications.exclude_applications) or (chosen is not None and chosen.mode == "exclude")


def _covers(names: Names, application: str) -> bool:
    named, app = _lower(names), application.lower()
    return ALL.lower() in named or app in named or any(app in SUITES.get(name, ()) for name in named)


def _meets_client(types: Names, attempt: SignIn) -> bool:
    return not types or "all" in types or attempt.client_app is None or attempt.client_app in types


def _meets_platform(platforms: Platforms | None, attempt: SignIn) -> bool:
    if platforms is None or attempt.platform is None:
        return True
    included = platforms.include_platforms or ()
    excluded = platforms.exclude_platforms or ()
    return ("all" in included or attempt.platform in included) and attempt.platform not in excluded


def _meets_place(locations: Locations | None, attempt: SignIn) -> bool:
    if locations is None or attempt.locations is None:
        return True
    included, excluded = locations.include_locations or (), locations.exclude_locations or ()
    inside = ALL in included or not attempt.locations.isdisjoint(included)
    return inside and attempt.locations.isdisjoint(excluded)


def _meets_risk(levels: Names, risk: str | None) -> bool:
    return not levels or risk is None or risk in levels


def _meets_device(devices: Devices | None, attempt: SignIn) -> bool:
    chosen = devices.device_filter if devices else None
    if chosen is None or attempt.device is None:
        return True
    return matches(chosen.rule, attempt.device) is (chosen.mode == "include")


def _meets_flow(flows: Json | None, attempt: SignIn) -> bool:
    wanted = _flags((flows or {}).get("transferMethods"))
    return not wanted or attempt.authentication_flow is None or attempt.authentication_flow in wanted


def _flags(value: object) -> list[str]:
    return [flag.strip() for flag in str(value).split(",")] if value else []


def _lower(names: Names) -> set[str]:
    return {name.lower() for name in names or ()}
