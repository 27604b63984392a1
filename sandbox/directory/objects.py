"""The directory's objects, with Graph's property names."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)

# The role of an assignment without a particular role: access to the application itself.
DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"


class GuestKind(StrEnum):
    """Conditional Access's kinds of guests and external users, as far as they have an object here."""

    INTERNAL_GUEST = "internalGuest"
    COLLABORATION_GUEST = "b2bCollaborationGuest"
    COLLABORATION_MEMBER = "b2bCollaborationMember"
    OTHER_EXTERNAL = "otherExternalUser"


class DirectoryObject(Struct, kw_only=True, rename="camel"):
    id: str
    display_name: str | None = None
    deleted_date_time: datetime | None = None


class User(DirectoryObject):
    user_principal_name: str
    mail: str | None = None
    user_type: str = "Member"
    account_enabled: bool = True
    on_premises_sync_enabled: bool | None = None
    created_date_time: datetime = EPOCH
    sign_in_sessions_valid_from_date_time: datetime = EPOCH
    other_mails: list[str] = field(default_factory=list)
    proxy_addresses: list[str] = field(default_factory=list)
    business_phones: list[str] = field(default_factory=list)
    given_name: str | None = None
    surname: str | None = None
    job_title: str | None = None
    department: str | None = None
    company_name: str | None = None
    mobile_phone: str | None = None
    office_location: str | None = None
    preferred_language: str | None = None
    employee_id: str | None = None
    employee_type: str | None = None
    employee_leave_date_time: datetime | None = None
    external_user_state: str | None = None
    creation_type: str | None = None
    # What Graph stores elsewhere: the user's administrator roles (template IDs), whether these protect the
    # account from apps without a role of their own, and a guest's home tenant.
    directory_roles: list[str] = field(default_factory=list)
    privileged: bool = False
    home_tenant_id: str | None = None
    # How a guest signs in: `entra`; or `passcode`, `saml`, `google`, which no strength reaches.
    identity_provider: str = "entra"

    @property
    def external(self) -> bool:
        """Whether the user signs in in a home tenant elsewhere; a changed name does not change that."""
        return self.external_user_state is not None or "#EXT#" in self.user_principal_name.upper()

    @property
    def guest_kind(self) -> GuestKind | None:
        """None for an ordinary member of the tenant."""
        if self.user_type == "Guest":
            return GuestKind.COLLABORATION_GUEST if self.external else GuestKind.INTERNAL_GUEST
        if not self.external:
            return None
        return GuestKind.COLLABORATION_MEMBER if self.user_type == "Member" else GuestKind.OTHER_EXTERNAL


class Group(DirectoryObject):
    description: str | None = None
    unique_name: str | None = None
    created_date_time: datetime = EPOCH
    group_types: list[str] = field(default_factory=list)
    mail: str | None = None
    mail_enabled: bool = False
    mail_nickname: str | None = None
    security_enabled: bool = True
    membership_rule: str | None = None
    membership_rule_processing_state: str | None = None
    on_premises_sync_enabled: bool | None = None
    is_assignable_to_role: bool | None = None
    is_management_restricted: bool | None = None
    visibility: str | None = None

    @property
    def dynamic(self) -> bool:
        return "DynamicMembership" in self.group_types

    @property
    def hides_members(self) -> bool:
        return self.visibility == "HiddenMembership"

    @property
    def unified(self) -> bool:
        """A Microsoft 365 group; its mail does not make it read-only in Graph."""
        return "Unified" in self.group_types


class Device(DirectoryObject):
    device_id: str | None = None
    account_enabled: bool | None = True
    operating_system: str | None = None


class DirectoryRole(DirectoryObject):
    """An Entra role that is in use in the tenant; the template's ID is the same in every tenant."""

    role_template_id: str
    description: str | None = None


class AppRole(Struct, kw_only=True, rename="camel"):
    id: str
    value: str | None
    display_name: str | None = None
    description: str | None = None
    allowed_member_types: list[str] = field(default_factory=lambda: ["Application"])
    is_enabled: bool = True


class ServicePrincipal(DirectoryObject):
    app_id: str
    app_display_name: str | None = None
    account_enabled: bool = True
    service_principal_type: str = "Application"
    service_principal_names: list[str] = field(default_factory=list)
    app_role_assignment_required: bool = False
    app_roles: list[AppRole] = field(default_factory=list)
    # Custom security attributes, as `Set_Name`.
    attributes: dict[str, str] = field(default_factory=dict)
    # The secret with which a client of the sandbox signs in at /{tenant}/oauth2/v2.0/token.
    secret: str | None = None


class Application(DirectoryObject):
    """An app registration; its service principal, if there is one, is another object."""

    app_id: str
    unique_name: str | None = None
    sign_in_audience: str | None = None
    api: dict[str, Any] = field(default_factory=dict)
    app_roles: list[AppRole] = field(default_factory=list)
    optional_claims: dict[str, Any] | None = None
    web: dict[str, Any] = field(default_factory=dict)
    # What Graph stores elsewhere: federated credentials, and who created the registration.
    credentials: list[dict[str, Any]] = field(default_factory=list)
    created_by: str = ""


class AppRoleAssignment(Struct, kw_only=True, rename="camel"):
    id: str
    app_role_id: str
    principal_id: str
    principal_type: str
    principal_display_name: str | None
    resource_id: str
    resource_display_name: str | None
    created_date_time: datetime = EPOCH
