"""The Azure resources: infra/main.bicep with the tenant file's values, and what earlier versions left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from enforcer.deployment.azure_cli import AzureError, Trouble
from enforcer.deployment.bicep_functions import guid
from enforcer.deployment.patience import NotReadyError
from enforcer.deployment.tags import Deployed, read_tags, write_tags
from enforcer.deployment.work import Work

DEPLOYMENT = "enforcer"
_PROVIDERS = (
    "Microsoft.Authorization",
    "Microsoft.Insights",
    "Microsoft.ManagedIdentity",
    "Microsoft.OperationalInsights",
    "Microsoft.Storage",
    "Microsoft.Web",
)
_NETWORK_PROVIDERS = ("Microsoft.App", "Microsoft.Network")
_RULES = "Microsoft.Insights/scheduledQueryRules"
_ASSIGNMENTS_VERSION = "api-version=2022-04-01"
_EXISTING = re.compile(r"existing role assignment is ([0-9a-f]{32})")


async def deploy_resources(work: Work) -> None:
    """Deploy the resources, and remove what the deployment itself would leave behind."""
    await _register_providers(work)
    before = await read_tags(work)
    mode = work.file.get("mode")
    if before.mode == "enforce" and mode == "report":
        work.hands.say(f"mode was enforce and becomes report ({work.file.path}): nobody will be offboarded")
    extra = await _kept_retention(work, before)

    async def deploy() -> Any:
        return await work.patience.repeat(work.hands, lambda: _deploy(work, extra))

    done = await work.hands.change(f"deploy infra/main.bicep in mode {mode}", deploy)
    if done is None:
        return
    outputs = {name: one["value"] for name, one in (done["properties"].get("outputs") or {}).items()}
    for warning in outputs.get("warnings", ()):
        work.hands.say(f"warning: {warning}")
    await write_tags(work, outputs, before)
    produced = {one["id"].lower() for one in done["properties"].get("outputResources") or ()}
    await remove_leftovers(work, produced, outputs["storageAccountName"])


async def what_if(work: Work) -> list[str]:
    """Return what a deployment would change, a line for each resource."""
    command = ("deployment", "group", "what-if", "--name", DEPLOYMENT, *_parameters(work))
    found = await work.azure.ask(*command, "--no-pretty-print")
    return [
        f"{one['changeType'].lower()} {one['resourceId'].rpartition('/providers/')[2]}"
        for one in (found or {}).get("changes", ())
        if one["changeType"] not in {"NoChange", "Ignore"}
    ]


def _parameters(work: Work) -> tuple[str, ...]:
    return ("--resource-group", work.resource_group, "--parameters", str(work.file.parameter_file))


async def _deploy(work: Work, extra: tuple[str, ...]) -> Any:
    command = ("deployment", "group", "create", "--name", DEPLOYMENT, *_parameters(work), *extra)
    try:
        return await work.azure.ask(*command)
    except AzureError as error:
        if error.trouble is Trouble.NOT_REPLICATED:
            raise NotReadyError(
                f"Azure has not heard of the new identity everywhere yet ({error})"
            ) from error
        if error.trouble is Trouble.ASSIGNED_ALREADY and await _give_way(work, error.text):
            raise NotReadyError(
                "a role was assigned already, under another name; that one is gone"
            ) from error
        raise


async def _register_providers(work: Work) -> None:
    """Register the kinds of resources that are deployed: a subscription may never have had them."""
    private = work.file.get("privateNetwork") != "null"
    needed = _PROVIDERS + (_NETWORK_PROVIDERS if private else ())
    known = await work.azure.ask("provider", "list")
    states = {one["namespace"].lower(): one["registrationState"] for one in known or ()}
    for namespace in needed:
        if states.get(namespace.lower()) != "Registered":
            register = ("provider", "register", "--namespace", namespace, "--wait")
            await work.hands.change(
                f"register {namespace} in the subscription",
                partial(work.azure.ask, *register),
            )


async def _kept_retention(work: Work, deployed: Deployed) -> tuple[str, ...]:
    """Return the parameter that leaves a locked retention policy as it is: it can only be extended."""
    if work.file.get("reportRetentionDays") == "0" or not deployed.storage:
        return ()
    policy = await retention_policy(work, deployed.storage)
    if policy.get("state") != "Locked":
        return ()
    days = policy.get("immutabilityPeriodSinceCreationInDays")
    work.hands.say(f"the reports' retention policy is locked at {days} days and stays as it is")
    return ("--parameters", "reportRetentionDays=0")


async def retention_policy(work: Work, storage: str) -> Mapping[str, Any]:
    """Return the retention policy of the container of reports; empty if there is none."""
    show = ("storage", "container", "immutability-policy", "show", "--account-name", storage)
    found = await work.azure.look(*show, "--container-name", "reports")
    properties: Mapping[str, Any] = (found or {}).get("properties") or found or {}
    return properties


# What earlier deployments left ----------------------------------------------------------------------------


async def remove_leftovers(work: Work, produced: set[str], storage: str) -> None:
    """Remove rules and role assignments that an earlier deployment made and this one no longer has.

    Args:
        work: The deployment.
        produced: The IDs of all resources of the deployment, in lower case.
        storage: The storage account.
    """
    account = f"{work.resource_group_id}/providers/Microsoft.Storage/storageAccounts/{storage}".lower()
    if account not in produced:
        work.hands.say("Azure did not list the deployment's resources: leftovers are looked for next time")
        return
    listing = ("resource", "list", "--resource-group", work.resource_group, "--resource-type", _RULES)
    for rule in await work.azure.ask(*listing) or ():
        ours = rule["name"].startswith(f"{work.unique_name}-")
        if ours and rule["id"].lower() not in produced:
            await _remove(work, f"the alarm {rule['name']}", ("resource", "delete", "--ids", rule["id"]))
    for assignment in await _assignments(work):
        if _made_by_us(assignment, account) and assignment["id"].lower() not in produced:
            given = assignment["properties"]
            role = given["roleDefinitionId"].rpartition("/")[2]
            text = f"the role {role} of {given['principalId']} on {given['scope'].rpartition('/')[2]}"
            await _remove(work, text, ("role", "assignment", "delete", "--ids", assignment["id"]))


async def _remove(work: Work, what: str, command: tuple[str, ...]) -> None:
    await work.hands.change(f"remove what an earlier version left: {what}", partial(work.azure.ask, *command))


async def _assignments(work: Work) -> list[dict[str, Any]]:
    """Return the role assignments on the resource group, and on whatever is in it."""
    url = f"{work.resource_group_id}/providers/Microsoft.Authorization/roleAssignments"
    found = await work.azure.ask(
        "rest", "--method", "GET", "--url", url, "--url-parameters", _ASSIGNMENTS_VERSION
    )
    assignments: list[dict[str, Any]] = (found or {}).get("value", [])
    return assignments


def _made_by_us(assignment: Mapping[str, Any], account: str) -> bool:
    """Whether infra/modules/roles.bicep names an assignment so: nobody else's has such a name."""
    given = assignment["properties"]
    role = given["roleDefinitionId"].rpartition("/")[2]
    inside = given["scope"].lower().startswith(account)
    return inside and bool(assignment["name"] == guid(given["scope"], given["principalId"], role))


async def _give_way(work: Work, text: str) -> bool:
    """Remove assignments that are in the way: the same role, for the same one, under another name."""
    names = set(_EXISTING.findall(text))
    standing = [one for one in await _assignments(work) if one["name"].replace("-", "") in names]
    for one in standing:
        what = f"remove the role assignment {one['name']}, which Bicep makes anew under its own name"
        delete = ("role", "assignment", "delete", "--ids", one["id"])
        await work.hands.change(what, partial(work.azure.ask, *delete))
    return bool(standing)
