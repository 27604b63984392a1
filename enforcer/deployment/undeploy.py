"""`enforcer undeploy`: takes away what `enforcer deploy` made, and nothing else, each thing named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from enforcer.core.exceptions import EnforcerError
from enforcer.deployment.api_step import find_registration
from enforcer.deployment.azure_cli import AzureError
from enforcer.deployment.deploy import Order, opened
from enforcer.deployment.entra import EntraError
from enforcer.deployment.group_step import created_group, owned_groups, owns
from enforcer.deployment.hands import Rehearsing
from enforcer.deployment.identity_step import find_identity
from enforcer.deployment.resources_step import retention_policy
from enforcer.deployment.tags import Deployed, read_tags
from enforcer.deployment.tenant_file import TenantFile
from enforcer.deployment.work import Work

_APPLICATION, _OURS = "application", "contractor-access-enforcer"
# What others depend on goes last; anything else goes first.
_ORDER = (
    "microsoft.web/sites",
    "microsoft.web/serverfarms",
    "microsoft.insights/components",
    "microsoft.operationalinsights/workspaces",
    "microsoft.storage/storageaccounts",
    "microsoft.managedidentity/userassignedidentities",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """How to remove.

    Attributes:
        order: As for a deployment; `confirm` is asked once everything has been named.
        export: Writes the evidence and the register somewhere; returns where.
        blocked: Returns everybody whom the policies keep out because the enforcer offboarded them.
        now: The current instant.
    """

    order: Order
    export: Callable[[], Awaitable[str]]
    blocked: Callable[[], Awaitable[list[str]]]
    now: datetime


async def undeploy(file: TenantFile, removal: Removal) -> None:
    """Remove what was deployed, once it has been exported and the person has agreed.

    Raises:
        EnforcerError: A locked retention policy keeps the reports; says until when. Nothing was changed.
    """
    tell = removal.order.tell
    async with opened(file, removal.order) as work:
        deployed = await read_tags(work)
        await _require_unlocked(work, deployed, removal.now)
        changes = await _everything(work, deployed)
        if not changes:
            tell(f"nothing of `enforcer deploy` is left in {work.resource_group} or in Entra ID")
            return
        if deployed.tables:
            tell(f"exported to {await removal.export()}")
            _warn(tell, await removal.blocked())
        for change in changes:
            tell(f"  will: {change}")
        if not removal.order.confirm(f"Remove these {len(changes)}? Nobody is offboarded afterwards."):
            raise EnforcerError("nothing was removed")
        await remove(work, deployed)
        tell(f"removed; {file.path} stays, for whoever deploys again")


async def rehearse_removal(file: TenantFile, removal: Removal) -> list[str]:
    """Return what `undeploy` would remove; changes nothing."""
    async with opened(file, removal.order) as work:
        deployed = await read_tags(work)
        await _require_unlocked(work, deployed, removal.now)
        changes = await _everything(work, deployed)
        for change in changes:
            removal.order.tell(f"  would: {change}")
        return changes


async def remove(work: Work, deployed: Deployed) -> None:
    """Remove everything, what depends on others first. What is gone already is passed over."""
    await _remove_protection(work, deployed)
    await _remove_from_entra(work)
    await _remove_resources(work)


async def _everything(work: Work, deployed: Deployed) -> list[str]:
    hands = Rehearsing()
    await remove(replace(work, hands=hands), deployed)
    return hands.changes


def _warn(tell: Callable[[str], None], blocked: list[str]) -> None:
    if not blocked:
        tell("Nobody is kept out by the policies because the enforcer offboarded them.")
        return
    tell(
        f"{len(blocked)} people were offboarded, and Conditional Access keeps them out: {', '.join(blocked)}."
        " The policies are left as they are. Whoever deletes them, or puts these people back into a group,"
        " lets them in again: block or delete their accounts before."
    )


# What keeps things from being deleted ---------------------------------------------------------------------


async def _require_unlocked(work: Work, deployed: Deployed, now: datetime) -> None:
    if not deployed.storage:
        return
    policy = await retention_policy(work, deployed.storage)
    if policy.get("state") == "Locked":
        days = int(policy.get("immutabilityPeriodSinceCreationInDays") or 0)
        until = (await _newest_report(work, deployed) or now) + timedelta(days=days)
        raise EnforcerError(
            f"the reports in {deployed.storage} have a locked retention policy of {days} days: nobody can"
            f" delete the storage account before {until:%Y-%m-%d}. Nothing was removed; run this again then,"
            f" or stop: `az functionapp stop --resource-group {work.resource_group} --name {deployed.app}`"
        )


async def _newest_report(work: Work, deployed: Deployed) -> datetime | None:
    """Return when the newest report was written, if this person may list them."""
    listing = ("storage", "blob", "list", "--account-name", deployed.storage, "--container-name", "reports")
    with suppress(AzureError):
        blobs = await work.azure.ask(*listing, "--auth-mode", "login")
        times = [datetime.fromisoformat(one["properties"]["creationTime"]) for one in blobs or ()]
        return max(times, default=None)
    return None


async def _remove_protection(work: Work, deployed: Deployed) -> None:
    for lock in await work.azure.look("lock", "list", "--resource-group", work.resource_group) or ():
        if lock["name"] == "no-deletion":
            delete = ("lock", "delete", "--ids", lock["id"])
            scope = lock["id"].partition("/providers/Microsoft.Authorization/")[0].rpartition("/")[2]
            await work.hands.change(f"lift the lock of {scope}", partial(work.azure.ask, *delete))
    policy: Mapping[str, Any] = await retention_policy(work, deployed.storage) if deployed.storage else {}
    if policy:
        unprotect = (
            *("storage", "container", "immutability-policy", "delete", "--account-name", deployed.storage),
            *("--container-name", "reports", "--if-match", policy["etag"]),
        )
        days = policy.get("immutabilityPeriodSinceCreationInDays")
        await work.hands.change(
            f"remove the reports' retention policy of {days} days", partial(work.azure.ask, *unprotect)
        )


# Entra ID -------------------------------------------------------------------------------------------------


async def _remove_from_entra(work: Work) -> None:
    """Remove the registration and the group that was created; of other groups, only the ownership."""
    registration = await find_registration(work)
    if registration is not None:
        await work.hands.change(
            f"delete the API's registration {registration.display_name}",
            lambda: work.entra.send("DELETE", "/applications/{app}", {}, app=registration.id),
        )
    created = await created_group(work)
    if created is not None:
        await work.hands.change(
            f"delete the group {work.file.get('newGroup')}, which `enforcer deploy` created",
            lambda: work.entra.send("DELETE", "/groups/{group}", {}, group=created.id),
        )
    identity = await find_identity(work)
    if identity is None:
        return
    for group_id in owned_groups(work.file):
        existed = created is None or created.id != group_id
        if existed and await owns(work, group_id, identity.principal_id):
            await _disown(work, group_id, identity.principal_id)


async def _disown(work: Work, group_id: str, principal_id: str) -> None:
    async def leave() -> None:
        path = "/groups/{group}/owners/{owner}/$ref"
        try:
            await work.entra.send("DELETE", path, {}, group=group_id, owner=principal_id)
        except EntraError as error:
            work.hands.say(f"Entra ID keeps the last owner; the ownership goes with the identity ({error})")

    await work.hands.change(
        f"take the identity out of the owners of group {group_id}; the group and its members stay", leave
    )


# Azure ----------------------------------------------------------------------------------------------------


async def _remove_resources(work: Work) -> None:
    listing = await work.azure.look("resource", "list", "--resource-group", work.resource_group) or []
    ours = [one for one in listing if (one.get("tags") or {}).get(_APPLICATION) == _OURS]
    for resource in sorted(ours, key=_place):
        delete = ("resource", "delete", "--ids", resource["id"])
        kind = resource["type"].rpartition("/")[2]
        await work.hands.change(f"delete {kind} {resource['name']}", partial(work.azure.ask, *delete))
    group = await work.azure.look("group", "show", "--name", work.resource_group)
    if group is None:
        return
    if len(ours) == len(listing) and (group.get("tags") or {}).get(_APPLICATION) == _OURS:
        everything = ("group", "delete", "--name", work.resource_group, "--yes")
        await work.hands.change(
            f"delete the resource group {work.resource_group}, which `enforcer deploy` created",
            partial(work.azure.ask, *everything),
        )
    else:
        await _remove_tags(work, group.get("tags") or {})


async def _remove_tags(work: Work, tags: Mapping[str, str]) -> None:
    mine = [f"{name}={value}" for name, value in tags.items() if name.startswith("enforcer-")]
    if not mine:
        return
    update = (
        "tag",
        "update",
        "--resource-id",
        work.resource_group_id,
        "--operation",
        "Delete",
        "--tags",
        *mine,
    )
    await work.hands.change(
        f"take the enforcer's tags off the resource group {work.resource_group}, which stays",
        partial(work.azure.ask, *update),
    )


def _place(resource: Mapping[str, Any]) -> int:
    kind = resource["type"].lower()
    return _ORDER.index(kind) if kind in _ORDER else -1
