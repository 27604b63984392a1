"""Checks which groups a person is a member of, and reads groups that need not be managed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched

import msgspec

from enforcer.core.exceptions import AccessDeniedError, ReadError
from enforcer.graph.client import GraphClient
from enforcer.graph.decoding import Page, decode
from enforcer.graph.groups import Group
from enforcer.graph.reply import Request

_AT_ONCE = 20  # directoryObject: checkMemberGroups


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


async def find_group(client: GraphClient, group_id: str) -> Group | None:
    """Return a group; None if it does not exist.

    Raises:
        AccessDeniedError, ReadError, UnavailableError: Graph did not answer the question.
    """
    reply = await client.read(
        "/groups/{group}?$select={+select}", group=group_id, select="id,displayName,visibility,membershipRule"
    )
    if reply.not_found:
        return None
    if reply.forbidden:
        raise AccessDeniedError(
            f"this identity may not read group {group_id}; grant it GroupMember.Read.All: {reply.explanation}"
        )
    if not reply.ok:
        raise ReadError(f"group {group_id} could not be read: {reply.explanation}")
    return decode(reply, Group, f"group {group_id}")
