"""The resource group, the identity that the function app runs under, and what Entra ID has to know of it."""

from __future__ import annotations

from dataclasses import dataclass

from enforcer.core.exceptions import InputError
from enforcer.deployment.api_step import register_api
from enforcer.deployment.azure_cli import AzureError, Trouble
from enforcer.deployment.group_step import prepare_groups
from enforcer.deployment.permissions_step import grant_permissions
from enforcer.deployment.work import Work

TAG = "application=contractor-access-enforcer"


@dataclass(frozen=True, slots=True)
class Identity:
    """The user-assigned identity; empty where its creation is only rehearsed."""

    id: str = ""
    principal_id: str = ""


async def prepare_identity(work: Work) -> None:
    """Create and correct everything that a directory administrator is needed for, but for nothing else."""
    await prepare_resource_group(work)
    identity = await prepare_managed_identity(work)
    await prepare_groups(work, identity.principal_id)
    await grant_permissions(work, identity.principal_id)
    await register_api(work, identity.principal_id)


async def prepare_resource_group(work: Work) -> None:
    """Create the resource group, unless it is there; its region is the tenant file's, or becomes it."""
    name, location = work.resource_group, work.file.get("location")
    found = await work.azure.look("group", "show", "--name", name)
    if found is None and not location:
        raise InputError(
            f"location is empty in {work.file.path}: name the region of the new resource group,"
            " such as westeurope"
        )
    if found is None:
        create = ("group", "create", "--name", name, "--location", location, "--tags", TAG)
        await work.hands.change(
            f"create the resource group {name} in {location}", lambda: work.azure.ask(*create)
        )
    elif not location:
        await work.write_down("location", found["location"])


async def prepare_managed_identity(work: Work) -> Identity:
    """Create the identity, unless it is there."""
    where = (
        "--name", work.file.get("identityName"), "--resource-group", work.file.get("identityResourceGroup")
    )  # fmt: skip
    found = await find_identity(work)
    if found is not None:
        return found
    if work.file.get("createIdentity") == "false":
        raise InputError(
            f"there is no identity {where[1]} in {where[3]}, and createIdentity is false in {work.file.path}"
        )
    create = ("identity", "create", *where, "--location", work.file.get("location"), "--tags", TAG)
    await work.hands.change(f"create the identity {where[1]}", lambda: work.azure.ask(*create))
    return await find_identity(work) or Identity()


async def find_identity(work: Work) -> Identity | None:
    """Return the identity, if it is there."""
    show = ("identity", "show", "--name", work.file.get("identityName"))
    try:
        found = await work.azure.look(*show, "--resource-group", work.file.get("identityResourceGroup"))
    except AzureError as error:
        if error.trouble is Trouble.DENIED:
            raise InputError(
                f"{error}. Reader of the resource group {work.resource_group} is needed"
            ) from error
        raise
    return Identity(found["id"], found["principalId"].lower()) if found else None
