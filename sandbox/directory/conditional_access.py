"""Which Conditional Access policies apply to a sign-in, as Entra evaluates them.

Exclusions override inclusions, nested groups count, every kind of condition must match. Source: Microsoft
Entra, Conditional Access: users and groups. Every sign-in counts as coming from an unknown location, and
device filters never match, since this sandbox knows no devices.
"""

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct, field

from sandbox.directory.objects import GuestKind
from sandbox.directory.tenant import Json

ALL = "All"
ALL_GUESTS = "GuestsOrExternalUsers"
OFFICE_365 = "Office365"

# Exchange Online, SharePoint Online and Teams, the best-known members of the suite.
OFFICE_365_APPS = frozenset(
    {
        "00000002-0000-0ff1-ce00-000000000000",
        "00000003-0000-0ff1-ce00-000000000000",
        "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe",
    }
)

type Names = list[str] | None


class PolicyState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    REPORT_ONLY = "enabledForReportingButNotEnforced"


class Reason(StrEnum):
    """Why a policy does not apply."""

    NOT_SET = "notSet"
    NOT_ENOUGH_INFORMATION = "notEnoughInformation"
    USERS = "users"
    APPLICATION = "application"
    CLIENT_APPS = "clientApps"
    DEVICE_PLATFORM = "devicePlatform"
    DEVICES = "devices"
    LOCATION = "location"
    SIGN_IN_RISK = "signInRisk"
    USER_RISK = "userRisk"
    INSIDER_RISK = "insiderRisk"
    AUTHENTICATION_FLOW = "authenticationFlow"
    POLICY_NOT_ENABLED = "policyNotEnabled"


class ExternalTenants(Struct, rename="camel"):
    membership_kind: str = "all"
    members: Names = None


class Guests(Struct, rename="camel"):
    guest_or_external_user_types: str = ""
    external_tenants: ExternalTenants | None = None


class Users(Struct, rename="camel"):
    include_users: Names = None
    exclude_users: Names = None
    include_groups: Names = None
    exclude_groups: Names = None
    include_roles: Names = None
    exclude_roles: Names = None
    include_guests_or_external_users: Guests | None = None
    exclude_guests_or_external_users: Guests | None = None


class Applications(Struct, rename="camel"):
    include_applications: Names = None
    exclude_applications: Names = None
    include_user_actions: Names = None
    include_authentication_context_class_references: Names = None


class Platforms(Struct, rename="camel"):
    include_platforms: Names = None
    exclude_platforms: Names = None


class Locations(Struct, rename="camel"):
    include_locations: Names = None
    exclude_locations: Names = None


class Conditions(Struct, rename="camel"):
    users: Users = field(default_factory=Users)
    applications: Applications = field(default_factory=Applications)
    client_app_types: Names = None
    platforms: Platforms | None = None
    locations: Locations | None = None
    user_risk_levels: Names = None
    sign_in_risk_levels: Names = None
    insider_risk_levels: str | None = None
    devices: Json | None = None
    authentication_flows: Json | None = None


class GrantControls(Struct, rename="camel"):
    operator: str = "OR"
    built_in_controls: Names = None
    authentication_strength: Json | None = None
    terms_of_use: Names = None


class Policy(Struct, rename="camel"):
    display_name: str
    state: PolicyState
    conditions: Conditions
    id: str = ""
    grant_controls: GrantControls | None = None
    session_controls: Json | None = None

    @property
    def blocks(self) -> bool:
        return self.grant_controls is not None and "block" in (self.grant_controls.built_in_controls or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """An attempt; None or "none" means unknown. `groups` are all of the person's, nested ones too."""

    user_id: str
    groups: frozenset[str]
    roles: frozenset[str] = frozenset()
    guest: str | None = None
    home_tenant_id: str | None = None
    applications: frozenset[str] = frozenset()
    client_app: str | None = None
    platform: str | None = None
    sign_in_risk: str | None = None
    user_risk: str | None = None
    insider_risk: str | None = None
    authentication_flow: str | None = None


def why_not(policy: Policy, attempt: SignIn) -> Reason:
    """Return why a policy does not apply to this sign-in; NOT_SET if it does."""
    conditions = policy.conditions
    verdicts = (
        (policy.state is not PolicyState.DISABLED, Reason.POLICY_NOT_ENABLED),
        (_meets_user(conditions.users, attempt), Reason.USERS),
        (_meets_application(conditions.applications, attempt), Reason.APPLICATION),
        (_meets_client(conditions.client_app_types, attempt), Reason.CLIENT_APPS),
        (_meets_platform(conditions.platforms, attempt), Reason.DEVICE_PLATFORM),
        (_meets_place(conditions.locations), Reason.LOCATION),
        (_meets_risk(conditions.sign_in_risk_levels, attempt.sign_in_risk), Reason.SIGN_IN_RISK),
        (_meets_risk(conditions.user_risk_levels, attempt.user_risk), Reason.USER_RISK),
        (_meets_insider(conditions.insider_risk_levels, attempt.insider_risk), Reason.INSIDER_RISK),
        (conditions.devices is None, Reason.DEVICES),
        (_meets_flow(conditions.authentication_flows, attempt), Reason.AUTHENTICATION_FLOW),
    )
    return next((reason for met, reason in verdicts if not met), Reason.NOT_SET)


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


def _meets_application(applications: Applications, attempt: SignIn) -> bool:
    return any(
        _covers(applications.include_applications, one)
        and not _covers(applications.exclude_applications, one)
        for one in attempt.applications
    )


def _covers(names: Names, application: str) -> bool:
    return (
        ALL in (names or ())
        or application.lower() in _lower(names)
        or (OFFICE_365 in (names or ()) and application.lower() in OFFICE_365_APPS)
    )


def _meets_client(types: Names, attempt: SignIn) -> bool:
    return not types or "all" in types or attempt.client_app is None or attempt.client_app in types


def _meets_platform(platforms: Platforms | None, attempt: SignIn) -> bool:
    if platforms is None:
        return True
    included = platforms.include_platforms or ()
    excluded = platforms.exclude_platforms or ()
    return ("all" in included or attempt.platform in included) and attempt.platform not in excluded


def _meets_place(locations: Locations | None) -> bool:
    return locations is None or ALL in (locations.include_locations or ())


def _meets_risk(levels: Names, risk: str | None) -> bool:
    return not levels or risk in levels


def _meets_insider(levels: str | None, risk: str | None) -> bool:
    return not levels or risk in levels.split(",")


def _meets_flow(flows: Json | None, attempt: SignIn) -> bool:
    wanted = (flows or {}).get("transferMethods")
    return not wanted or attempt.authentication_flow in str(wanted).split(",")


def _lower(names: Names) -> set[str]:
    return {name.lower() for name in names or ()}
