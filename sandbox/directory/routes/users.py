"""Users: finding, disabling, revoking, deleting, and sending mail."""

from collections.abc import Iterable
from http import HTTPStatus

from sandbox.directory.errors import GraphError, bad_request, denied, not_found
from sandbox.directory.filters import Comparison, Compound, Condition, Junction, parse
from sandbox.directory.messages import Answer, Call, no_content
from sandbox.directory.objects import User
from sandbox.directory.odata import show
from sandbox.directory.permissions import (
    CHECK_MEMBER_GROUPS,
    DELETE_USER,
    DISABLE_USER,
    READ_ME,
    READ_MEMBER_OF,
    READ_USER,
    REVOKE_SESSIONS,
    SEND_MAIL,
)
from sandbox.directory.router import Endpoint, Service
from sandbox.directory.routes.collections import collection, entity, matching, sorted_ids
from sandbox.directory.routes.groups import hidden_from
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant import Mail

# Source: the operation's reference page.
MOST_GROUPS_TO_CHECK = 20
_INDEXED = frozenset({"id", "userPrincipalName", "mail", "otherMails", "proxyAddresses"})


def find_user(call: Call, sandbox: Sandbox) -> User:
    """Return the user that the path names. Raises GraphError (404)."""
    name = call.parameters["user"]
    user = sandbox.tenant.user(name)
    if user is None:
        raise not_found(name)
    return user


def get_user(call: Call, sandbox: Sandbox) -> Answer:
    return entity(call, find_user(call, sandbox))


def get_me(call: Call, sandbox: Sandbox) -> Answer:
    user = sandbox.tenant.user(call.caller.object_id)
    if user is None:
        raise GraphError(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
    return entity(call, user)


def list_users(call: Call, sandbox: Sandbox) -> Answer:
    condition = parse(call.query["$filter"]) if "$filter" in call.query else None
    return matching(call, sandbox, User, _candidates(condition, sandbox))


def change_user(call: Call, sandbox: Sandbox) -> Answer:
    user = find_user(call, sandbox)
    changes = call.json()
    if set(changes) != {"accountEnabled"}:
        raise bad_request("This sandbox changes accountEnabled and nothing else.")
    if not isinstance(changes["accountEnabled"], bool):
        raise bad_request("Invalid value specified for property 'accountEnabled' of resource 'User'.")
    if user.privileged:
        raise denied()
    user.account_enabled = changes["accountEnabled"]
    return no_content()


def revoke_sessions(call: Call, sandbox: Sandbox) -> Answer:
    """Revoke sessions that began here; those of external users begin in their home tenants."""
    user = find_user(call, sandbox)
    user.sign_in_sessions_valid_from_date_time = sandbox.clock.now()
    if sandbox.settings.revoke_status == HTTPStatus.NO_CONTENT:
        return no_content()
    return Answer(
        status=sandbox.settings.revoke_status,
        body={"@odata.context": f"{call.root}/$metadata#Edm.Boolean", "value": True},
    )


def delete_user(call: Call, sandbox: Sandbox) -> Answer:
    user = find_user(call, sandbox)
    if user.privileged:
        raise denied()
    sandbox.tenant.delete_user(user, sandbox.clock.now())
    return Answer(status=204, catastrophe=f"deleted the account of {user.user_principal_name}")


def restore_user(call: Call, sandbox: Sandbox) -> Answer:
    user = sandbox.tenant.deleted.get(call.parameters["object"].lower())
    if user is None:
        raise not_found(call.parameters["object"])
    sandbox.tenant.restore_user(user)
    return Answer(
        body={
            "@odata.context": f"{call.root}/$metadata#directoryObjects/$entity",
            "@odata.type": "#microsoft.graph.user",
            **show(user),
        }
    )


def check_member_groups(call: Call, sandbox: Sandbox) -> Answer:
    user = find_user(call, sandbox)
    asked = call.json().get("groupIds")
    if not isinstance(asked, list) or not asked:
        raise bad_request("Invalid value specified for parameter 'groupIds'.")
    if len(asked) > MOST_GROUPS_TO_CHECK:
        raise bad_request(f"Too many group ids: at most {MOST_GROUPS_TO_CHECK} may be checked at once.")
    member_of = _shown(call, sandbox, sandbox.tenant.all_listed_groups_of(user.id, sandbox.clock.seconds()))
    found = [group_id for group_id in asked if str(group_id).lower() in member_of]
    return Answer(body={"@odata.context": f"{call.root}/$metadata#Collection(Edm.String)", "value": found})


def list_groups_of(call: Call, sandbox: Sandbox) -> Answer:
    user = find_user(call, sandbox)
    direct = sandbox.tenant.listed_groups_of(user.id, sandbox.clock.seconds())
    return collection(call, sandbox, sorted_ids(_shown(call, sandbox, direct)))


def list_all_groups_of(call: Call, sandbox: Sandbox) -> Answer:
    user = find_user(call, sandbox)
    found = sandbox.tenant.all_listed_groups_of(user.id, sandbox.clock.seconds())
    roles = {sandbox.tenant.directory_role(template).id for template in user.directory_roles}
    return collection(call, sandbox, sorted_ids(_shown(call, sandbox, found) | roles))


def _shown(call: Call, sandbox: Sandbox, group_ids: Iterable[str]) -> set[str]:
    """Leave out the groups that hide their members from this caller (microsoft-graph-docs issue 12285)."""
    groups = (sandbox.tenant.group(group_id) for group_id in group_ids)
    return {group.id for group in groups if group and not hidden_from(call.caller, group)}


def send_mail(call: Call, sandbox: Sandbox) -> Answer:
    sender = find_user(call, sandbox)
    if sender.mail is None:
        raise GraphError(
            404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive or hosted on-premise."
        )
    body = call.json()
    message = body.get("message", body.get("Message"))
    if not isinstance(message, dict) or not message.get("toRecipients"):
        raise GraphError(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
    sandbox.tenant.mails.append(
        Mail(
            sender=sender.user_principal_name,
            message=message,
            save_to_sent_items=body.get("saveToSentItems", True) is not False,
            sent_at=sandbox.clock.now(),
        )
    )
    return Answer(status=202)


def _candidates(condition: Condition | None, sandbox: Sandbox) -> list[User]:
    """Return who may satisfy a condition; found by index if it compares IDs or addresses."""
    wanted = _indexed(condition)
    if wanted is None:
        return list(sandbox.tenant.each(User))
    found = {user.id: user for name in wanted for user in sandbox.tenant.users_named(name)}
    return list(found.values())


def _indexed(condition: Condition | None) -> set[str] | None:
    """Return the names of which one must match for the condition to hold, if there are such."""
    if isinstance(condition, Comparison):
        return set(condition.values) if condition.name in _INDEXED else None
    if isinstance(condition, Compound):
        parts = [_indexed(part) for part in condition.parts]
        known = [part for part in parts if part is not None]
        if condition.junction is Junction.AND:
            return known[0] if known else None
        return set().union(*known) if len(known) == len(parts) else None
    return None


ROUTES = (
    Endpoint(method="GET", pattern="/users", handler=list_users, permissions=READ_USER, resource_units=2),
    Endpoint(method="GET", pattern="/me", handler=get_me, permissions=READ_ME),
    Endpoint(method="GET", pattern="/users/{user}", handler=get_user, permissions=READ_USER),
    Endpoint(
        method="PATCH", pattern="/users/{user}", handler=change_user, permissions=DISABLE_USER, writes=1
    ),
    Endpoint(
        method="DELETE", pattern="/users/{user}", handler=delete_user, permissions=DELETE_USER, writes=1
    ),
    Endpoint(
        method="POST",
        pattern="/users/{user}/revokeSignInSessions",
        handler=revoke_sessions,
        permissions=REVOKE_SESSIONS,
        writes=1,
    ),
    # Costs 4 resource units, and counts as a read although it is a POST.
    Endpoint(
        method="POST",
        pattern="/users/{user}/checkMemberGroups",
        handler=check_member_groups,
        permissions=CHECK_MEMBER_GROUPS,
        resource_units=4,
    ),
    *(
        Endpoint(method="GET", pattern=pattern, handler=handler, permissions=READ_MEMBER_OF, resource_units=2)
        for path, handler in (
            ("/users/{user}/memberOf", list_groups_of),
            ("/users/{user}/transitiveMemberOf", list_all_groups_of),
        )
        for pattern in (path, f"{path}/{{cast}}")
    ),
    Endpoint(
        method="POST",
        pattern="/users/{user}/sendMail",
        handler=send_mail,
        permissions=SEND_MAIL,
        service=Service.EXCHANGE,
    ),
    Endpoint(
        method="POST",
        pattern="/directory/deletedItems/{object}/restore",
        handler=restore_user,
        permissions=DELETE_USER,
        writes=1,
    ),
)
