"""The identity's permissions in Microsoft Graph: those that the settings need (docs/permissions.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from enforcer.core.exceptions import EnforcerError
from enforcer.deployment.tenant_file import TenantFile
from enforcer.deployment.work import Work

_GRAPH = "00000003-0000-0000-c000-000000000000"


def _always(_: TenantFile) -> bool:
    return True


# The same as in infra/identity.bicep.
PERMISSIONS: Final[Mapping[str, Callable[[TenantFile], bool]]] = {
    "GroupMember.Read.All": _always,
    "User.Read.All": _always,
    "User.RevokeSessions.All": _always,
    "GroupMember.ReadWrite.All": lambda file: file.get("membership") == "tenant",
    "User.EnableDisableAccount.All": lambda file: file.get("disableAccounts") != "none",
    "Policy.Read.All": lambda file: file.get("readPolicies") != "false",
    "Mail.Send": lambda file: bool(file.get("mailSender")),
}


class AppRole(msgspec.Struct, rename="camel"):
    id: str
    value: str | None = None
    allowed_member_types: list[str] = []


class Resource(msgspec.Struct, rename="camel"):
    """An application of the tenant, with its app roles."""

    id: str
    app_roles: list[AppRole] = []


class Assignment(msgspec.Struct, rename="camel"):
    id: str
    app_role_id: str
    principal_id: str
    resource_id: str


async def grant_permissions(work: Work, principal_id: str) -> None:
    """Grant the identity each permission that it needs and lacks; name those that it holds besides."""
    graph = await work.entra.read(
        Resource, "/servicePrincipals(appId='{app}')?$select={+select}", app=_GRAPH, select="id,appRoles"
    )
    if graph is None:
        raise EnforcerError("this tenant has no service principal of Microsoft Graph: sign in to another")
    roles = {role.value: role.id for role in graph.app_roles if "Application" in role.allowed_member_types}
    held = await _held(work, principal_id, graph)
    wanted = [permission for permission, needed in PERMISSIONS.items() if needed(work.file)]
    for permission in wanted:
        if permission not in roles:
            raise EnforcerError(f"Microsoft Graph of this cloud has no application permission {permission}")
        if roles[permission] not in held:
            await assign(work, f"give the identity {permission}", principal_id, graph.id, roles[permission])
    names = {role: name for name, role in roles.items()}
    extra = sorted(names[role] or role for role in held if role in names and names[role] not in wanted)
    if extra:
        work.hands.say(f"the identity also holds {', '.join(extra)}, which this tenant file does not need")


async def assign(work: Work, text: str, principal_id: str, resource_id: str, role_id: str) -> None:
    """Assign an app role; that it is assigned already is as good."""
    body = {"principalId": principal_id, "resourceId": resource_id, "appRoleId": role_id}

    async def give() -> None:
        path = "/servicePrincipals/{resource}/appRoleAssignedTo"
        await work.patience.repeat(
            work.hands, lambda: work.entra.send("POST", path, body, resource=resource_id)
        )

    await work.hands.change(text, give)


async def _held(work: Work, principal_id: str, graph: Resource) -> set[str]:
    if not principal_id:  # the identity is only rehearsed
        return set()
    assignments = await work.entra.every(
        Assignment, "/servicePrincipals/{principal}/appRoleAssignments", principal=principal_id
    )
    return {one.app_role_id for one in assignments if one.resource_id == graph.id}
