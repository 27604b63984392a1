"""Groups as whoever deploys creates, owns and deletes them."""

from http import HTTPStatus

from sandbox.directory.errors import already_owner, bad_request, last_owner, no_such_reference, not_found
from sandbox.directory.ids import new_id
from sandbox.directory.messages import Answer, Call, no_content
from sandbox.directory.objects import Group, ServicePrincipal, User
from sandbox.directory.permissions import DELETE_GROUP, WRITE_GROUP, WRITE_OWNERS
from sandbox.directory.router import Endpoint
from sandbox.directory.routes.collections import entity
from sandbox.directory.routes.groups import REFERENCE, find_group
from sandbox.directory.routes.upserts import alternate_key, asks_to_create
from sandbox.directory.state import Sandbox


def change_group(call: Call, sandbox: Sandbox) -> Answer:
    """Create a group by its alternate key. Whoever creates it becomes an owner (msgraph-bicep-types 167)."""
    name, value = alternate_key(call.parameters["group"])
    changes = call.json()
    if name != "uniquename" or not asks_to_create(call):
        raise bad_request("This sandbox changes groups by their uniqueName alone.")
    if any(group.unique_name == value for group in sandbox.tenant.each(Group)):
        found = find_group(call, sandbox)
        found.display_name = changes.get("displayName", found.display_name)
        return no_content()
    for wanted in ("displayName", "mailEnabled", "mailNickname", "securityEnabled"):
        if wanted not in changes:
            raise bad_request(f"A value is required for property '{wanted}' of resource 'Group'.")
    person = sandbox.tenant.objects.get(call.caller.object_id)
    group = sandbox.tenant.add_group(
        changes["displayName"],
        owners=[person] if isinstance(person, User) else [],
        unique_name=value,
        description=changes.get("description"),
        mail_nickname=changes["mailNickname"],
        mail_enabled=changes["mailEnabled"],
        security_enabled=changes["securityEnabled"],
        id=new_id(),
    )
    return Answer(status=HTTPStatus.CREATED, body=entity(call, group).body)


def delete_group(call: Call, sandbox: Sandbox) -> Answer:
    group = find_group(call, sandbox)
    del sandbox.tenant.objects[group.id]
    return no_content()


def add_owner(call: Call, sandbox: Sandbox) -> Answer:
    group = find_group(call, sandbox)
    match = REFERENCE.search(str(call.json().get("@odata.id", "")))
    if match is None:
        raise bad_request("Invalid URL format specified in payload.")
    owner = sandbox.tenant.objects.get(match["id"].lower())
    if owner is None:
        raise not_found(match["id"])
    if not isinstance(owner, User | ServicePrincipal):
        raise bad_request("Only users and service principals can be owners of a group.")
    owners = sandbox.tenant.owners[group.id]
    if owner.id in owners:
        raise already_owner()
    owners.append(owner.id)
    return no_content()


def remove_owner(call: Call, sandbox: Sandbox) -> Answer:
    """Take an owner out. Source: "Remove group owner": the last one, if a user, cannot be removed."""
    group = find_group(call, sandbox)
    owners = sandbox.tenant.owners[group.id]
    owner = call.parameters["owner"].lower()
    if owner not in owners:
        raise no_such_reference()
    people = [one for one in owners if isinstance(sandbox.tenant.objects.get(one), User)]
    counted = people if sandbox.settings.keep_a_person_as_owner else owners
    if counted == [owner]:
        raise last_owner()
    owners.remove(owner)
    return no_content()


ROUTES = (
    Endpoint(
        method="PATCH", pattern="/groups/{group}", handler=change_group, permissions=WRITE_GROUP, writes=1
    ),
    Endpoint(
        method="DELETE", pattern="/groups/{group}", handler=delete_group, permissions=DELETE_GROUP, writes=1
    ),
    Endpoint(
        method="POST",
        pattern="/groups/{group}/owners/$ref",
        handler=add_owner,
        permissions=WRITE_OWNERS,
        writes=1,
        owner_may=True,
    ),
    Endpoint(
        method="DELETE",
        pattern="/groups/{group}/owners/{owner}/$ref",
        handler=remove_owner,
        permissions=WRITE_OWNERS,
        writes=1,
        owner_may=True,
    ),
)
