"""Conditional Access policies as types, as far as they are understood here."""

from enum import StrEnum

import msgspec
from msgspec import Struct

from sandbox.directory.ids import is_id
from sandbox.directory.tenant import Json

ALL = "All"
NONE = "None"
ALL_GUESTS = "GuestsOrExternalUsers"
OFFICE_365 = "Office365"
APP_KEYWORDS = (ALL, NONE, OFFICE_365, "MicrosoftAdminPortals")
# Only in beta: the resources of agents, which no person signs in to.
AGENT_RESOURCES = "AllAgentIdResources"

type Names = list[str] | None


class PolicyState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    REPORT_ONLY = "enabledForReportingButNotEnforced"


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


class Filter(Struct, rename="camel"):
    mode: str
    rule: str


class Applications(Struct, rename="camel"):
    include_applications: Names = None
    exclude_applications: Names = None
    application_filter: Filter | None = None
    include_user_actions: Names = None
    include_authentication_context_class_references: Names = None


class Platforms(Struct, rename="camel"):
    include_platforms: Names = None
    exclude_platforms: Names = None


class Locations(Struct, rename="camel"):
    include_locations: Names = None
    exclude_locations: Names = None


class Devices(Struct, rename="camel"):
    device_filter: Filter | None = None


class Conditions(Struct, rename="camel"):
    users: Users = msgspec.field(default_factory=Users)
    applications: Applications = msgspec.field(default_factory=Applications)
    client_app_types: Names = None
    platforms: Platforms | None = None
    locations: Locations | None = None
    user_risk_levels: Names = None
    sign_in_risk_levels: Names = None
    insider_risk_levels: str | None = None
    devices: Devices | None = None
    authentication_flows: Json | None = None
    # Of service principals and agents: a policy with one of these is about no person.
    client_applications: Json | None = None
    service_principal_risk_levels: Names = None
    agents: Json | None = None
    agent_context: Json | None = None
    agent_id_risk_levels: str | None = None


class GrantControls(Struct, rename="camel"):
    operator: str = "OR"
    built_in_controls: Names = None
    authentication_strength: Json | None = None
    terms_of_use: Names = None
    custom_authentication_factors: Names = None


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


class UnknownRuleError(ValueError):
    """A policy says something that is not understood here."""


def understood(policy: Json) -> Policy:
    """Return a policy that can be evaluated.

    Raises:
        UnknownRuleError: It has a condition or names an app that is not understood here.
    """
    conditions = policy.get("conditions") or {}
    strange = [
        *_strange(Conditions, conditions),
        *_strange(Applications, conditions.get("applications") or {}),
    ]
    given = {name: value for name, value in conditions.items() if not _is_empty(value)}
    try:
        form = msgspec.convert({**policy, "conditions": given}, Policy)
    except msgspec.ValidationError as error:
        raise UnknownRuleError(f"{policy.get('displayName')}: {error}") from error
    applications = form.conditions.applications
    names = (*(applications.include_applications or ()), *(applications.exclude_applications or ()))
    strange += [name for name in names if name not in (*APP_KEYWORDS, AGENT_RESOURCES) and not is_id(name)]
    if strange:
        raise UnknownRuleError(f"{form.display_name}: not understood here: {', '.join(strange)}")
    return form


def _strange(kind: type[Struct], given: Json) -> list[str]:
    """Return properties that a type does not have, except empty ones and annotations."""
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    return [
        name
        for name, value in given.items()
        if name not in known and "@" not in name and not _is_empty(value)
    ]


def _is_empty(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_empty(part) for part in value.values())
    return value in (None, "", [], False)
