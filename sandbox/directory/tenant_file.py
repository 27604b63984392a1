"""A tenant as JSON, with Graph's property names."""

import msgspec
from msgspec import Struct, field

from sandbox.directory.ids import new_id
from sandbox.directory.objects import AppRoleAssignment, Device, Group, ServicePrincipal, User
from sandbox.directory.permissions import GRAPH_APP_ID
from sandbox.directory.routes.policy_forms import completed
from sandbox.directory.tenant import Json, Mail, Tenant


class GroupEntry(Group):
    members: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)


class ApplicationEntry(ServicePrincipal):
    # App roles on Microsoft Graph, by their names.
    permissions: list[str] = field(default_factory=list)


class TenantFile(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """`identity` is the app ID of the default managed identity. Mails are written, never read."""

    tenant_id: str | None = None
    domain: str = "contoso.onmicrosoft.com"
    display_name: str = "Contoso"
    identity: str | None = None
    users: list[User] = field(default_factory=list)
    deleted_users: list[User] = field(default_factory=list)
    groups: list[GroupEntry] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    service_principals: list[ApplicationEntry] = field(default_factory=list)
    assignments: list[AppRoleAssignment] = field(default_factory=list)
    policies: list[Json] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)


def load(text: bytes | str) -> Tenant:
    """Raises msgspec.ValidationError, GraphError (a policy that Graph would refuse) and LookupError."""
    content = msgspec.json.decode(text, type=TenantFile)
    tenant = Tenant(content.tenant_id, domain=content.domain, display_name=content.display_name)
    for entry in (*content.users, *content.devices):
        tenant.put(entry)
    for user in content.deleted_users:
        tenant.deleted[user.id] = user
    for application in content.service_principals:
        tenant.put(_plain(application, ServicePrincipal))
        tenant.grant(application.id, *application.permissions)
    for group in content.groups:
        tenant.adopt_group(_plain(group, Group), owners=group.owners)
    for group in content.groups:
        tenant.fill_group(group.id, group.members)
    for assignment in content.assignments:
        tenant.assignments.setdefault(assignment.principal_id, []).append(assignment)
    for policy in content.policies:
        full = completed({"id": new_id(), **policy})
        tenant.policies[full["id"]] = full
    if content.identity:
        tenant.identity = tenant.application(content.identity)
    return tenant


def dump(tenant: Tenant) -> bytes:
    content = TenantFile(
        tenant_id=tenant.tenant_id,
        domain=tenant.domain,
        display_name=tenant.display_name,
        identity=tenant.identity.app_id if tenant.identity else None,
        users=list(tenant.each(User)),
        deleted_users=list(tenant.deleted.values()),
        groups=[
            _extended(
                group, GroupEntry, members=list(tenant.members[group.id]), owners=tenant.owners[group.id]
            )
            for group in tenant.each(Group)
        ],
        devices=list(tenant.each(Device)),
        service_principals=[
            _extended(one, ApplicationEntry)
            for one in tenant.each(ServicePrincipal)
            if one.app_id != GRAPH_APP_ID
        ],
        assignments=[one for held in tenant.assignments.values() for one in held],
        policies=list(tenant.policies.values()),
        mails=tenant.mails,
    )
    return msgspec.json.encode(content)


def _plain[T: Struct](entry: Struct, kind: type[T]) -> T:
    return kind(**{name: getattr(entry, name) for name in kind.__struct_fields__})


def _extended[T: Struct](entry: Struct, kind: type[T], **more: object) -> T:
    return kind(**{name: getattr(entry, name) for name in type(entry).__struct_fields__}, **more)
