"""What a person is a member of, and who is in a group through other groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import batched

import msgspec

from enforcer.core.exceptions import AccessDeniedError, GroupError, ReadError
from enforcer.graph.client import GraphClient
from enforcer.graph.decoding import Page, all_of, decode
from enforcer.graph.groups import GROUP_COLUMNS, Group, hides_members
from enforcer.graph.reply import Reply, Request

_AT_ONCE = 20  # directoryObject: checkMemberGroups
_PAGE = "999"  # the most that Graph gives at once
_DIRECTORY_ROLE = "#microsoft.graph.directoryRole"


class _Object(msgspec.Struct, rename="camel"):
    id: str
    odata_type: str | None = msgspec.field(default=None, name="@odata.type")
    display_name: str | None = None


async def groups_having(client: GraphClient, user_id: str, group_ids: Sequence[str]) -> list[str]:
    """Return those of the groups that the person is a member of, directly or through nested groups.

    Raises:
        ReadError, UnavailableError: Graph did not answer the question.
    """
    found: list[str] = []
    for some in batched(group_ids, _AT_ONCE, strict=False):
        body = msgspec.json.encode({"groupIds": some})
        path = "/users/{user}/checkMemberGroups"
        reply = await client.call(
            Request(method="POST", path=path, parameters={"user": user_id}, body=body, only_asks=True)
        )
        if not reply.ok:
            raise ReadError(f"the groups of {user_id} could not be read: {reply.explanation}")
        found += decode(reply, Page[str], f"the groups of {user_id}").value
    return sorted(found)


async def directory_roles_of(client: GraphClient, user_id: str) -> list[str]:
    """Return the Entra roles that are active for the person, directly or through a group, by name.

    Without a permission to read roles Graph lists them by type and object ID only; such a role goes by its
    ID. The cast to `directoryRole` would need an advanced query, whose index lags behind (user: list
    transitiveMemberOf), so the type is looked at here.

    Raises:
        ReadError, UnavailableError: Graph did not answer the question.
    """
    what = f"the roles of {user_id}"
    path = "/users/{user}/transitiveMemberOf?$select={+select}&$top={top}"
    found = await _all(client, what, path, user=user_id, select="id,displayName", top=_PAGE)
    return sorted(one.display_name or one.id for one in found if one.odata_type == _DIRECTORY_ROLE)


async def require_readable(client: GraphClient, group_ids: Iterable[str], setting: str) -> None:
    """Make sure that each group exists and shows its members: otherwise nobody would seem to be in it.

    Args:
        client: Graph.
        group_ids: The groups.
        setting: Where they are configured, for the message.

    Raises:
        GroupError: One does not exist, or hides its members.
        AccessDeniedError, ReadError, UnavailableError: Graph did not answer the question.
    """
    for group_id in group_ids:
        what = f"group {group_id} of {setting}"
        group = await find_group(client, group_id)
        if group is None:
            raise GroupError(f"{what} does not exist in this tenant; correct {setting}")
        if hides_members(group.visibility):
            raise GroupError(f"{what} hides its members, whom Graph lists only with Member.Read.Hidden")


async def everybody_in(client: GraphClient, group_ids: Iterable[str], setting: str) -> frozenset[str]:
    """Return the object IDs of all members of these groups, and of groups inside them.

    Raises: as `require_readable`.
    """
    found: set[str] = set()
    for group_id in group_ids:
        await require_readable(client, [group_id], setting)
        what = f"the members of group {group_id} of {setting}"
        path = "/groups/{group}/transitiveMembers?$select={+select}&$top={top}"
        members = await _all(client, what, path, group=group_id, select="id", top=_PAGE)
        found.update(member.id.lower() for member in members)
    return frozenset(found)


async def _all(client: GraphClient, what: str, path: str, **parameters: str) -> list[_Object]:
    def read(reply: Reply) -> Page[_Object]:
        return _read(reply, Page[_Object], what)

    return await all_of(lambda: client.read(path, **parameters), read, client.read)


def _read[T](reply: Reply, kind: type[T], what: str) -> T:
    if not reply.ok:
        raise ReadError(f"{what} could not be read: {reply.explanation}")
    return decode(reply, kind, what)


async def find_group(client: GraphClient, group_id: str) -> Group | None:
    """Return a group; None if it does not exist.

    Raises:
        AccessDeniedError, ReadError, UnavailableError: Graph did not answer the question.
    """
    reply = await client.read("/groups/{group}?$select={+select}", group=group_id, select=GROUP_COLUMNS)
    if reply.not_found:
        return None
    if reply.forbidden:
        raise AccessDeniedError(
            f"this identity may not read group {group_id}; grant it GroupMember.Read.All: {reply.explanation}"
        )
    if not reply.ok:
        raise ReadError(f"group {group_id} could not be read: {reply.explanation}")
    return decode(reply, Group, f"group {group_id}")
