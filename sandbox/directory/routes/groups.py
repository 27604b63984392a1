"""Groups, their members and their owners."""

import re

from sandbox.directory.errors import (
    GraphError,
    already_member,
    bad_request,
    denied,
    mail_enabled,
    no_such_reference,
    not_an_id,
    not_found,
    synchronised,
)
from sandbox.directory.ids import is_id
from sandbox.directory.messages import Answer, Call, Caller, no_content
from sandbox.directory.objects import Group, ServicePrincipal
from sandbox.directory.paging import position
from sandbox.directory.permissions import (
    DELETE_USER,
    READ_GROUP,
    READ_HIDDEN_MEMBERS,
    READ_MEMBERS,
    READ_OWNERS,
    WRITE_MEMBERS,
    WRITE_ROLE_ASSIGNABLE,
    allowed,
)
from sandbox.directory.router import Endpoint
from sandbox.directory.routes.collections import collection, entity, matching, sorted_ids
from sandbox.directory.routes.upserts import alternate_key
from sandbox.directory.settings import NotAMember
from sandbox.directory.state import Sandbox

REFERENCE = re.compile(
    r"/(?:directoryObjects|users|groups|devices|servicePrincipals)(?:/|\(')(?P<id>[0-9A-Fa-f-]{36})(?:'\))?/?$"
)


def find_group(call: Call, sandbox: Sandbox) -> Group:
    """Return the group that the path names. Raises GraphError (400, 404)."""
    name, group_id = alternate_key(call.parameters["group"])
    if name == "uniquename":
        for one in sandbox.tenant.each(Group):
            if one.unique_name == group_id:
                return one
        raise not_found(group_id)
    if not is_id(group_id):
        raise not_an_id(group_id)
    group = sandbox.tenant.group(group_id)
    if group is None:
        raise not_found(group_id)
    return group


def get_group(call: Call, sandbox: Sandbox) -> Answer:
    return entity(call, find_group(call, sandbox))


def list_groups(call: Call, sandbox: Sandbox) -> Answer:
    return matching(call, sandbox, Group, sandbox.tenant.each(Group))


def list_members(call: Call, sandbox: Sandbox) -> Answer:
    group = find_group(call, sandbox)
    if hidden_from(call.caller, group):
        return collection(call, sandbox, sorted_ids(()))
    members = sandbox.tenant.members[group.id]
    members.catch_up(sandbox.clock.seconds())
    answer = collection(call, sandbox, members.listed_after)
    if not position(call).after:
        members.count_listing()
    return answer


def list_transitive_members(call: Call, sandbox: Sandbox) -> Answer:
    group = find_group(call, sandbox)
    hidden = hidden_from(call.caller, group)
    found = () if hidden else sandbox.tenant.all_listed_members(group.id, sandbox.clock.seconds())
    return collection(call, sandbox, sorted_ids(found))


def hidden_from(caller: Caller, group: Group) -> bool:
    """Whether this caller is shown an empty list, with a status of 200 (msgraph-sdk-dotnet issue 1255)."""
    return group.hides_members and not allowed(caller.permissions, READ_HIDDEN_MEMBERS)


def list_owners(call: Call, sandbox: Sandbox) -> Answer:
    """List the group's owners; service principals are listed only if the path casts to them."""
    owners = sandbox.tenant.owners[find_group(call, sandbox).id]
    if "cast" not in call.parameters:
        objects = sandbox.tenant.objects
        owners = [owner for owner in owners if not isinstance(objects.get(owner), ServicePrincipal)]
    return collection(call, sandbox, sorted_ids(owners))


def add_member(call: Call, sandbox: Sandbox) -> Answer:
    group = find_group(call, sandbox)
    match = REFERENCE.search(str(call.json().get("@odata.id", "")))
    if match is None:
        raise bad_request("Invalid URL format specified in payload.")
    check_writable(call, group)
    member = sandbox.tenant.objects.get(match["id"].lower())
    if member is None:
        raise not_found(match["id"])
    if member.id in sandbox.tenant.members[group.id]:
        raise already_member()
    sandbox.tenant.add_member(group, member, lag=sandbox.settings.addition_lag, now=sandbox.clock.seconds())
    return no_content()


def remove_member(call: Call, sandbox: Sandbox) -> Answer:
    group = find_group(call, sandbox)
    check_writable(call, group)
    # Only an object ID identifies a member here, not a user principal name.
    member_id = call.parameters["member"].lower()
    if not is_id(member_id):
        raise not_an_id(call.parameters["member"])
    if member_id not in sandbox.tenant.members[group.id]:
        raise _not_a_member(group, sandbox)
    sandbox.tenant.remove_member(
        group, member_id, lag=sandbox.settings.removal_lag, now=sandbox.clock.seconds()
    )
    return no_content()


def delete_member_object(call: Call, sandbox: Sandbox) -> Answer:
    """Delete the account itself, which is what a forgotten `/$ref` does."""
    group = find_group(call, sandbox)
    member = sandbox.tenant.user(call.parameters["member"])
    if member is None or member.id not in sandbox.tenant.members[group.id]:
        raise not_found(call.parameters["member"])
    if member.privileged:
        raise denied()
    sandbox.tenant.delete_user(member, sandbox.clock.now())
    return Answer(status=204, catastrophe=f"deleted the account of {member.user_principal_name}")


def check_writable(call: Call, group: Group) -> None:
    """Raise GraphError if an application cannot change the group's members."""
    role_bound = group.is_assignable_to_role and not allowed(call.caller.permissions, WRITE_ROLE_ASSIGNABLE)
    if group.is_management_restricted or role_bound or group.dynamic:
        raise denied()
    if group.on_premises_sync_enabled:
        raise synchronised()
    if group.mail_enabled and not group.unified:
        raise mail_enabled()


def _not_a_member(group: Group, sandbox: Sandbox) -> GraphError:
    if sandbox.settings.not_a_member is NotAMember.REFERENCE_NOT_FOUND:
        return no_such_reference()
    # Graph names the group here, although the member is what is missing.
    return not_found(group.id)


MEMBER = "/groups/{group}/members/{member}"

ROUTES = (
    Endpoint(method="GET", pattern="/groups", handler=list_groups, permissions=READ_GROUP),
    Endpoint(method="GET", pattern="/groups/{group}", handler=get_group, permissions=READ_GROUP),
    *(
        Endpoint(
            method="GET", pattern=pattern, handler=handler, permissions=permissions, resource_units=units
        )
        for path, handler, permissions, units in (
            ("/groups/{group}/members", list_members, READ_MEMBERS, 3),
            ("/groups/{group}/transitiveMembers", list_transitive_members, READ_MEMBERS, 5),
            ("/groups/{group}/owners", list_owners, READ_OWNERS, 1),
        )
        for pattern in (path, f"{path}/{{cast}}")
    ),
    Endpoint(
        method="POST",
        pattern="/groups/{group}/members/$ref",
        handler=add_member,
        permissions=WRITE_MEMBERS,
        writes=1,
        owner_may=True,
    ),
    Endpoint(
        method="DELETE",
        pattern=f"{MEMBER}/$ref",
        handler=remove_member,
        permissions=WRITE_MEMBERS,
        writes=1,
        owner_may=True,
    ),
    Endpoint(
        method="DELETE", pattern=MEMBER, handler=delete_member_object, permissions=DELETE_USER, writes=1
    ),
)
