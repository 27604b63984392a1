"""The Microsoft Graph application permissions that the sandbox knows, with Microsoft's own IDs."""

from collections.abc import Iterable

from sandbox.directory.objects import AppRole

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"

# Source: Microsoft Graph permissions reference. The ids are the same in every tenant.
PERMISSION_IDS = {
    "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf444ac3ac",
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
    "Directory.ReadWrite.All": "19dbc75e-c2e2-444c-a770-ec69d8559fc7",
    "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
    "Group.ReadWrite.All": "62a82d76-70ea-41e2-9197-370581804d09",
    "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    "GroupMember.ReadWrite.All": "dbaae8cf-10b5-4b86-a4a1-f871c94c6695",
    "Mail.Send": "b633e1c5-b582-4048-a93e-9f11b44c7e96",
    "Member.Read.Hidden": "658aa5d8-239f-45c4-aa12-864f4fc7e490",
    "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
    "Policy.Read.ConditionalAccess": "37730810-e9ba-4e46-b07e-8ca78d182097",
    "Policy.ReadWrite.ConditionalAccess": "01c0a623-fc9b-48e9-b794-0756f8e8f067",
    "RoleManagement.Read.Directory": "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
    "RoleManagement.ReadWrite.Directory": "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8",
    "User.DeleteRestore.All": "eccc023d-eccf-4e7b-9683-8813ab36cecc",
    "User.EnableDisableAccount.All": "3011c876-62b7-4ada-afa2-506cbbecc68c",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "User.ReadWrite.All": "741f803b-c850-494e-b5df-cde7c675a1ca",
    "User.RevokeSessions.All": "77f3a031-c388-4f99-b373-dc68676a979e",
}

type Alternatives = tuple[frozenset[str], ...]


def any_of(*alternatives: str) -> Alternatives:
    """Parse permissions: each alternative suffices by itself; `A + B` needs both."""
    return tuple(frozenset(one.split(" + ")) for one in alternatives)


# Source: Microsoft's permission data; least privileged first.
READ_GROUP = any_of(
    "GroupMember.Read.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
READ_OWNERS = any_of(
    "GroupMember.Read.All",
    "Group.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
)
READ_MEMBERS = any_of("GroupMember.ReadBasic.All") + READ_OWNERS
WRITE_MEMBERS = any_of("GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All")
READ_USER = any_of("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
DISABLE_USER = any_of(
    "User.EnableDisableAccount.All + User.Read.All", "User.ReadWrite.All", "Directory.ReadWrite.All"
)
REVOKE_SESSIONS = any_of("User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All")
DELETE_USER = any_of("User.DeleteRestore.All", "User.ReadWrite.All")
READ_ME = any_of("User.Read") + READ_USER
READ_MEMBER_OF = any_of(
    "User.Read.All", "GroupMember.Read.All", "Group.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"
)
CHECK_MEMBER_GROUPS = any_of(
    "User.Read.All + GroupMember.Read.All",
    "User.Read.All + Group.Read.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
SEND_MAIL = any_of("Mail.Send")
READ_APPLICATIONS = any_of("Application.Read.All", "Directory.Read.All", "Directory.ReadWrite.All")
READ_POLICIES = any_of("Policy.Read.All")
EVALUATE_POLICIES = any_of(
    "Policy.Read.ConditionalAccess", "Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"
)
WRITE_POLICIES = any_of("Policy.ReadWrite.ConditionalAccess + Policy.Read.All + Application.Read.All")
READ_DIRECTORY = any_of("Directory.Read.All", "Directory.ReadWrite.All", "User.Read.All")

READ_REGISTRATIONS = any_of("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All")
READ_REGISTRATIONS_CREDENTIALS = any_of("Application.Read.All", "Application.ReadWrite.All")
WRITE_REGISTRATIONS = any_of("Application.ReadWrite.All")
WRITE_SERVICE_PRINCIPALS = any_of("Application.ReadWrite.All", "Directory.ReadWrite.All")
ASSIGN_ROLES = any_of("AppRoleAssignment.ReadWrite.All + Application.Read.All")
WRITE_GROUP = any_of("Group.ReadWrite.All", "Directory.ReadWrite.All")
DELETE_GROUP = any_of("Group.ReadWrite.All")
WRITE_OWNERS = any_of("Group.ReadWrite.All", "Directory.ReadWrite.All")
# Not in the permission tables: a person needs a higher role to grant Microsoft Graph's own permissions.
GRANT_ON_GRAPH = any_of("RoleManagement.ReadWrite.Directory")

# What everybody in a tenant may read, and what some roles may do besides, in permissions' terms.
# Source: "Microsoft Entra built-in roles"; role template IDs are the same in every tenant.
ACCESS_AS_USER = "Directory.AccessAsUser.All"
_EVERYBODY = frozenset({"Application.Read.All", "Directory.Read.All", "Group.Read.All", "User.Read.All"})
_ASSIGNING = frozenset({"AppRoleAssignment.ReadWrite.All"})
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
GROUPS_ADMINISTRATOR = "fdd7a751-b60b-444a-984c-02652fe8fa1c"
_BY_ROLE = {
    GLOBAL_ADMINISTRATOR: _ASSIGNING
    | {"Application.ReadWrite.All", "Group.ReadWrite.All", "RoleManagement.ReadWrite.Directory"},
    PRIVILEGED_ROLE_ADMINISTRATOR: _ASSIGNING | {"RoleManagement.ReadWrite.Directory"},
    APPLICATION_ADMINISTRATOR: _ASSIGNING | {"Application.ReadWrite.All"},
    GROUPS_ADMINISTRATOR: frozenset({"Group.ReadWrite.All"}),
}

# Needed to see the members of a group with `visibility=HiddenMembership`.
READ_HIDDEN_MEMBERS = any_of("Member.Read.Hidden")

# Without any of these a caller sees only the type and ID of a member that is a user.
READ_MEMBER_PROPERTIES = any_of("User.ReadBasic.All") + READ_USER

# Without any of these a caller sees only the type and ID of a directory role.
READ_ROLES = any_of(
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)

WRITE_ROLE_ASSIGNABLE = any_of("RoleManagement.ReadWrite.Directory")


def allowed(held: frozenset[str], needed: Alternatives) -> bool:
    return any(alternative <= held for alternative in needed)


def as_user(scopes: frozenset[str], directory_roles: Iterable[str]) -> frozenset[str]:
    """Return what a person may do: with this one scope, whatever their directory roles allow."""
    if ACCESS_AS_USER not in scopes:
        return scopes
    return scopes.union(_EVERYBODY, *(_BY_ROLE.get(role, frozenset()) for role in directory_roles))


def graph_roles() -> list[AppRole]:
    return [AppRole(id=role_id, value=value, display_name=value) for value, role_id in PERMISSION_IDS.items()]
