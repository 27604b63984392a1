"""A tenant: its objects, how they are related, and how a test builds one."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sandbox.directory.ids import closure, key, new_id
from sandbox.directory.members import AT_ONCE, Lag, MemberList
from sandbox.directory.objects import (
    DEFAULT_ROLE,
    AppRole,
    AppRoleAssignment,
    Device,
    DirectoryObject,
    DirectoryRole,
    Group,
    ServicePrincipal,
    User,
)
from sandbox.directory.permissions import GRAPH_APP_ID, graph_roles

type Json = dict[str, Any]

# Source: Microsoft Entra built-in roles.
_ROLE_NAMES = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9": "Conditional Access Administrator",
    "fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message sent through Graph, as it was submitted."""

    sender: str
    message: Json
    save_to_sent_items: bool
    sent_at: datetime


class Tenant:
    """Object IDs are lower-case GUIDs. Wherever an object is accepted, so is its ID."""

    def __init__(
        self,
        tenant_id: str | None = None,
        *,
        domain: str = "contoso.onmicrosoft.com",
        display_name: str = "Contoso",
    ) -> None:
        self.tenant_id = tenant_id or new_id()
        self.domain = domain
        self.display_name = display_name
        self.objects: dict[str, DirectoryObject] = {}
        self.deleted: dict[str, User] = {}
        self.members: dict[str, MemberList] = {}
        self.owners: dict[str, list[str]] = {}
        self.policies: dict[str, Json] = {}
        # Whether cross-tenant access settings trust compliant devices of guests' home tenants.
        self.trusts_guest_devices = False
        self.assignments: dict[str, list[AppRoleAssignment]] = {}
        self.mails: list[Mail] = []
        # The managed identity of a token request that names none.
        self.identity: ServicePrincipal | None = None
        # Every group of which an object was ever a member; reads may show past members for a while.
        self._groups_known: dict[str, set[str]] = {}
        self._by_mail: dict[str, set[str]] = {}
        self._by_name: dict[str, str] = {}
        self._by_app: dict[str, str] = {}
        self._add_graph()

    def _add_graph(self) -> None:
        self.add_application(
            "Microsoft Graph",
            # Fixed, since the assignments in a tenant file refer to it.
            id=str(uuid5(NAMESPACE_URL, f"{self.tenant_id}/{GRAPH_APP_ID}")),
            app_id=GRAPH_APP_ID,
            roles=graph_roles(),
            service_principal_names=[GRAPH_APP_ID, "https://graph.microsoft.com"],
        )

    # -- building ------------------------------------------------------------------------------------------

    def add_user(self, display_name: str, **properties: Any) -> User:
        """Add a member of the tenant; `properties` are fields of `User`."""
        alias = re.sub(r"[^a-z0-9]+", ".", display_name.lower()).strip(".")
        properties.setdefault("user_principal_name", f"{alias}@{self.domain}")
        properties.setdefault("mail", properties["user_principal_name"])
        properties.setdefault("id", new_id())
        return self.put(User(display_name=display_name, **properties))

    def add_guest(self, display_name: str, mail: str, **properties: Any) -> User:
        """Add somebody invited at this address who signs in at their own organisation."""
        properties.setdefault("user_principal_name", f"{mail.replace('@', '_')}#EXT#@{self.domain}")
        properties.setdefault("external_user_state", "Accepted")
        properties.setdefault("creation_type", "Invitation")
        return self.add_user(display_name, mail=mail, user_type="Guest", **properties)

    def add_group(
        self,
        display_name: str,
        *,
        members: Iterable[DirectoryObject | str] = (),
        owners: Iterable[DirectoryObject | str] = (),
        **properties: Any,
    ) -> Group:
        properties.setdefault("id", new_id())
        group = self.adopt_group(Group(display_name=display_name, **properties), owners=owners)
        self.fill_group(group, members)
        return group

    def adopt_group(self, group: Group, *, owners: Iterable[DirectoryObject | str] = ()) -> Group:
        """Add this group, without members."""
        self.members[group.id.lower()] = MemberList()
        self.owners[group.id.lower()] = [key(owner) for owner in owners]
        return self.put(group)

    def add_device(self, display_name: str, **properties: Any) -> Device:
        properties.setdefault("id", new_id())
        return self.put(Device(display_name=display_name, **properties))

    def add_application(
        self,
        display_name: str,
        *,
        app_id: str | None = None,
        roles: Iterable[AppRole] = (),
        **properties: Any,
    ) -> ServicePrincipal:
        """Add an enterprise application (a service principal) with its app roles."""
        app_id = app_id or new_id()
        properties.setdefault("id", new_id())
        properties.setdefault("service_principal_names", [app_id, f"api://{app_id}"])
        return self.put(
            ServicePrincipal(
                display_name=display_name,
                app_display_name=display_name,
                app_id=app_id,
                app_roles=list(roles),
                **properties,
            )
        )

    def add_managed_identity(
        self, display_name: str, *permissions: str, app_id: str | None = None
    ) -> ServicePrincipal:
        """Add a managed identity with these Graph permissions; the first one is the default identity."""
        identity = self.add_application(display_name, app_id=app_id, service_principal_type="ManagedIdentity")
        self.identity = self.identity or identity
        self.grant(identity, *permissions)
        return identity

    def grant(
        self, principal: DirectoryObject | str, *roles: str, on: ServicePrincipal | None = None
    ) -> None:
        """Assign app roles by their values, on Microsoft Graph unless another resource is named."""
        resource = on or self.application(GRAPH_APP_ID)
        known = {role.value: role.id for role in resource.app_roles}
        for role in roles:
            self.assign(principal, resource, role_id=known[role])

    def assign(
        self, principal: DirectoryObject | str, resource: ServicePrincipal, *, role_id: str = DEFAULT_ROLE
    ) -> AppRoleAssignment:
        """Assign a user, group or application to an application, with or without one of its roles."""
        holder = self.objects[key(principal)]
        assignment = AppRoleAssignment(
            id=new_id(),
            app_role_id=role_id,
            principal_id=holder.id,
            principal_type=type(holder).__name__,
            principal_display_name=holder.display_name,
            resource_id=resource.id,
            resource_display_name=resource.display_name,
        )
        self.assignments.setdefault(holder.id, []).append(assignment)
        return assignment

    def remove_principal(self, principal: ServicePrincipal) -> None:
        """Remove an enterprise application, what it was granted, and who was assigned to it."""
        del self.objects[principal.id]
        self._by_app.pop(principal.app_id.lower(), None)
        self.assignments.pop(principal.id, None)
        for owners in self.owners.values():
            if principal.id in owners:
                owners.remove(principal.id)
        for held in self.assignments.values():
            held[:] = [one for one in held if one.resource_id != principal.id]

    def put[T: DirectoryObject](self, entry: T) -> T:
        """Add an object, or index its changed names."""
        entry.id = entry.id.lower()
        self.objects[entry.id] = entry
        if isinstance(entry, User):
            self._by_name[entry.user_principal_name.lower()] = entry.id
            for address in (entry.mail or "", *entry.other_mails, *entry.proxy_addresses):
                self._by_mail.setdefault(address.lower(), set()).add(entry.id)
        if isinstance(entry, ServicePrincipal):
            self._by_app[entry.app_id.lower()] = entry.id
        return entry

    def fill_group(self, group: Group | str, members: Iterable[DirectoryObject | str]) -> None:
        """Make them members at once, without the lag of a write."""
        member_ids = [key(member) for member in members]
        self.members[key(group)].fill(member_ids)
        for member_id in member_ids:
            self._groups_known.setdefault(member_id, set()).add(key(group))

    # -- changing ------------------------------------------------------------------------------------------

    def add_member(
        self, group: Group | str, member: DirectoryObject | str, *, lag: Lag = AT_ONCE, now: float = 0.0
    ) -> None:
        self.members[key(group)].add(key(member), lag, now)
        self._groups_known.setdefault(key(member), set()).add(key(group))

    def remove_member(
        self, group: Group | str, member: DirectoryObject | str, *, lag: Lag = AT_ONCE, now: float = 0.0
    ) -> None:
        self.members[key(group)].remove(key(member), lag, now)

    def delete_user(self, user: User, at: datetime) -> None:
        """Soft-delete: memberships stay, unseen, and come back with the account."""
        del self.objects[user.id]
        self._by_name.pop(user.user_principal_name.lower(), None)
        user.deleted_date_time = at
        self.deleted[user.id] = user

    def restore_user(self, user: User) -> None:
        del self.deleted[user.id]
        user.deleted_date_time = None
        self.put(user)

    # -- asking --------------------------------------------------------------------------------------------

    @property
    def user_count(self) -> int:
        return len(self._by_name)

    def user(self, name: str) -> User | None:
        """Return the user with this object ID or user principal name."""
        found = self.objects.get(name.lower()) or self.objects.get(self._by_name.get(name.lower(), ""))
        return found if isinstance(found, User) and _is_current(found, name) else None

    def users_named(self, name: str) -> list[User]:
        """Users with this object ID, user principal name or other address, perhaps some who once had it."""
        ids = {name.lower(), self._by_name.get(name.lower(), ""), *self._by_mail.get(name.lower(), ())}
        return [found for one in ids if isinstance(found := self.objects.get(one), User)]

    def directory_role(self, template_id: str) -> DirectoryRole:
        """Return the tenant's own object for an administrator role, which comes into being with its use."""
        role_id = str(uuid5(NAMESPACE_URL, f"{self.tenant_id}/{template_id}"))
        found = self.objects.get(role_id)
        if isinstance(found, DirectoryRole):
            return found
        name = _ROLE_NAMES.get(template_id.lower(), f"Role {template_id}")
        return self.put(DirectoryRole(id=role_id, display_name=name, role_template_id=template_id))

    def group(self, group_id: str) -> Group | None:
        found = self.objects.get(group_id.lower())
        return found if isinstance(found, Group) else None

    def application(self, name: str) -> ServicePrincipal:
        """Return the application with this app ID, object ID or name. Raises LookupError."""
        found = self.objects.get(self._by_app.get(name.lower(), name.lower()))
        if isinstance(found, ServicePrincipal):
            return found
        for candidate in self.each(ServicePrincipal):
            if name.rstrip("/") in candidate.service_principal_names:
                return candidate
        raise LookupError(name)

    def each[T: DirectoryObject](self, kind: type[T]) -> Iterator[T]:
        return (entry for entry in self.objects.values() if isinstance(entry, kind))

    def groups_of(self, member_id: str) -> set[str]:
        """Return the groups of which this object is a direct member."""
        return {one for one in self._groups_known.get(member_id, ()) if member_id in self.members[one]}

    def listed_groups_of(self, member_id: str, now: float) -> set[str]:
        """Return the groups of which reads show this object as a direct member."""
        return {
            one for one in self._groups_known.get(member_id, ()) if self._listing(one, now).lists(member_id)
        }

    def all_groups_of(self, member_id: str) -> set[str]:
        """The groups of which this object is a member, through nested groups too."""
        return closure(member_id, self.groups_of)

    def all_listed_groups_of(self, member_id: str, now: float) -> set[str]:
        return closure(member_id, lambda one: self.listed_groups_of(one, now))

    def _listing(self, group_id: str, now: float) -> MemberList:
        members = self.members[group_id]
        members.catch_up(now)
        return members

    def all_listed_members(self, group_id: str, now: float) -> set[str]:
        """Return direct and nested members, as reads show them."""
        return closure(group_id, lambda one: self._listing(one, now).listed() if one in self.members else ())

    def roles_of(self, principal_id: str, resource: ServicePrincipal) -> list[str]:
        """Return the values of the app roles that this principal holds on a resource."""
        values = {role.id: role.value for role in resource.app_roles}
        held = (
            values.get(one.app_role_id)
            for one in self.assignments.get(principal_id, ())
            if one.resource_id == resource.id
        )
        return [value for value in held if value]


def _is_current(user: User, name: str) -> bool:
    # A name changed in place leaves the old one in the index.
    return name.lower() in (user.id, user.user_principal_name.lower())
