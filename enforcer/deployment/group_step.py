"""The managed group: created if the tenant file says so, and owned by the enforcer's identity."""

from __future__ import annotations

import msgspec

from enforcer.core.exceptions import GroupError
from enforcer.deployment.entra import EntraError
from enforcer.deployment.tenant_file import TenantFile
from enforcer.deployment.work import Work, slug
from enforcer.graph.groups import GROUP_COLUMNS, Group, refusal

_DESCRIPTION = (
    "Contractors who have access now. The contractor access enforcer removes members when their access ends."
)


class _Object(msgspec.Struct, rename="camel"):
    id: str
    user_principal_name: str | None = None
    display_name: str | None = None


async def prepare_groups(work: Work, principal_id: str) -> None:
    """Create the group if it is wanted and missing; make the identity an owner of each that it changes."""
    created = await _created_group(work)
    for group_id in owned_groups(work.file):
        await _require_manageable(work, group_id)
        if work.file.get("membership") != "tenant":
            await _own(work, group_id, principal_id)
        if group_id == created:
            await _leave(work, group_id)


def owned_groups(file: TenantFile) -> tuple[str, ...]:
    """Return the groups whose members the enforcer changes: the managed ones, and the leavers' group."""
    leavers = file.get("leaversGroup")
    return (*file.several("groupIds"), *((leavers,) if leavers else ()))


async def created_group(work: Work) -> _Object | None:
    """Return the group that `enforcer deploy` created, if it did."""
    name = work.file.get("newGroup")
    if not name:
        return None
    return await work.entra.read(_Object, "/groups(uniqueName='{name}')?$select=id", name=slug(name))


async def _created_group(work: Work) -> str:
    """Create the group, unless it is there, and write its object ID down; return that, or nothing."""
    name = work.file.get("newGroup")
    if not name:
        return ""
    found = await created_group(work)
    if found is None:
        body = {
            "displayName": name,
            "description": _DESCRIPTION,
            "mailNickname": slug(name),
            "mailEnabled": False,
            "securityEnabled": True,
        }
        await work.hands.change(
            f"create the group {name}",
            lambda: work.entra.upsert("/groups(uniqueName='{name}')", body, name=slug(name)),
        )
        found = await created_group(work)
    if found is None:  # only rehearsed
        return ""
    others = tuple(one for one in work.file.several("groupIds") if one != found.id)
    await work.write_down("groupIds", (*others, found.id))
    return found.id


async def _require_manageable(work: Work, group_id: str) -> None:
    group = await work.entra.read(
        Group, "/groups/{group}?$select={+select}", group=group_id, select=GROUP_COLUMNS
    )
    if group is None:
        raise GroupError(f"group {group_id} does not exist in this tenant; correct it in {work.file.path}")
    if why := refusal(group):
        raise GroupError(f"group {group_id} ({group.display_name or 'no name'}) {why}")


async def owns(work: Work, group_id: str, principal_id: str) -> bool:
    """Whether the identity is an owner of a group."""
    # Without the cast Graph leaves service principals out (group: list owners).
    owners = await work.entra.every(
        _Object, "/groups/{group}/owners/microsoft.graph.servicePrincipal?$select=id", group=group_id
    )
    return any(owner.id == principal_id for owner in owners)


async def _own(work: Work, group_id: str, principal_id: str) -> None:
    if await owns(work, group_id, principal_id):
        return
    link = {"@odata.id": f"{work.account.graph_url}/v1.0/directoryObjects/{principal_id}"}

    async def add() -> None:
        await work.patience.repeat(
            work.hands,
            lambda: work.entra.send("POST", "/groups/{group}/owners/$ref", link, group=group_id),
        )

    await work.hands.change(f"make the identity an owner of group {group_id}", add)


async def _leave(work: Work, group_id: str) -> None:
    """Take the deploying person out of the owners, where Entra has put them (msgraph-bicep-types 167)."""
    me = await work.entra.me()
    owners = await work.entra.every(_Object, "/groups/{group}/owners?$select=id", group=group_id)
    if all(owner.id != me for owner in owners):
        return

    async def leave() -> None:
        try:
            path = "/groups/{group}/owners/{owner}/$ref"
            await work.entra.send("DELETE", path, {}, group=group_id, owner=me)
        except EntraError as error:
            work.hands.say(
                f"you remain an owner of group {group_id}, and could add people past the register: {error}"
            )

    await work.hands.change(f"take you out of the owners of group {group_id}", leave)
