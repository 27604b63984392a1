"""`enforcer deploy`: each step looks first, changes what differs, and can be repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from enforcer.core.exceptions import EnforcerError, InputError
from enforcer.deployment.app_steps import Package, deploy_code, first_run, smoke_test
from enforcer.deployment.azure_cli import AzureCli, AzureError, Trouble
from enforcer.deployment.entra import DirectoryDeniedError, Entra, signed_in_entra
from enforcer.deployment.hands import Acting, Rehearsing, Tell
from enforcer.deployment.identity_step import prepare_identity
from enforcer.deployment.patience import Patience
from enforcer.deployment.resources_step import deploy_resources, what_if
from enforcer.deployment.tags import Deployed, read_tags
from enforcer.deployment.tenant_file import TenantFile, check
from enforcer.deployment.work import Account, Work, read_account

STEPS = {
    "identity": "the identity, its group and permissions, the API's registration",
    "resources": "the Azure resources",
    "code": "the function app's code",
    "smoke-test": "whether it is up, and closed to strangers",
    "first-run": "the first run, which only reports",
}
_BICEP = Path("infra/main.bicep")
_ADMINISTRATORS = "Privileged Role Administrator, Application Administrator and Groups Administrator"


class AdministratorNeededError(EnforcerError):
    """The person who deploys lacks rights in Entra ID; names the command for somebody who has them."""

    def __init__(self, command: str, changes: Sequence[str], why: DirectoryDeniedError) -> None:
        lines = "\n".join(f"  {change}" for change in changes)
        super().__init__(
            f"you may not change this in Entra ID ({why}).\n"
            f"Somebody with the roles {_ADMINISTRATORS} runs\n\n"
            f"  {command} --only identity\n\nin this folder, with your tenant file. It will:\n{lines}\n"
            f"Then run `{command}` again: it goes on from here."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to deploy.

    Attributes:
        tell: Shows a line to the person.
        confirm: Asks them; what they are asked for is what will be changed in Entra ID.
        package: Builds the zip file with the code.
        only: The steps to take.
    """

    tell: Tell
    confirm: Callable[[str], bool]
    package: Package
    only: tuple[str, ...] = tuple(STEPS)
    patience: Patience = field(default_factory=Patience)


@asynccontextmanager
async def opened(file: TenantFile, order: Order) -> AsyncIterator[Work]:
    """Open Azure and Entra ID as the person who is signed in.

    Raises:
        InputError: They are signed in to another tenant, or to another cloud.
        AzureError: They are not signed in.
    """
    azure = AzureCli(subscription=file.get("subscription"))
    try:
        account = await read_account(azure)
    except AzureError as error:
        if error.trouble is Trouble.SIGN_IN:
            raise InputError(f"Not signed in: run `az login --tenant {file.get('tenantId')}`") from error
        raise
    _require_place(file, account)
    async with signed_in_entra(file.get("graphUrl"), account.tenant_id) as entra:
        yield Work(
            file=file,
            account=account,
            azure=azure,
            entra=entra,
            hands=Acting(order.tell),
            patience=order.patience,
        )


def _require_place(file: TenantFile, account: Account) -> None:
    wanted = file.get("tenantId").lower()
    if account.tenant_id != wanted:
        raise InputError(
            f"az is signed in to tenant {account.tenant_id}, and {file.path} is for {wanted}:"
            f" run `az login --tenant {wanted}`"
        )
    if account.graph_url != file.get("graphUrl"):
        raise InputError(
            f"az is set to a cloud whose Graph is {account.graph_url}, and graphUrl in {file.path} is"
            f" {file.get('graphUrl')!r}: correct it, or run `az cloud set --name CLOUD`"
        )
    if not _BICEP.exists():
        raise InputError(f"there is no {_BICEP} here: run this in the folder of a clone of the enforcer")


async def deploy(file: TenantFile, order: Order) -> Deployed:
    """Take the steps, one after the other; return what is deployed now.

    Raises:
        AdministratorNeededError: Somebody else has to take the step `identity`.
        EnforcerError: A step cannot be taken; those before it are done.
    """
    async with opened(file, order) as work:
        await _complete(work)
        for number, step in enumerate(order.only, 1):
            order.tell(f"[{number}/{len(order.only)}] {step}: {STEPS[step]}")
            await _take(work, step, order)
        return await read_tags(work)


async def rehearse(file: TenantFile, order: Order) -> list[str]:
    """Return what `deploy` would change; changes nothing."""
    async with opened(file, order) as acting:
        hands = Rehearsing(order.tell)
        work = replace(acting, hands=hands)
        await _complete(work)
        for step in order.only:
            order.tell(f"{step}: {STEPS[step]}")
            await _rehearse_step(work, step, order)
        return hands.changes


async def _rehearse_step(work: Work, step: str, order: Order) -> None:
    deployed = await read_tags(work)
    if step == "resources" and work.file.several("groupIds") and await _there(work):
        for line in await what_if(work):
            order.tell(f"    {line}")
    if step in {"code", "smoke-test", "first-run"} and not deployed.app:
        work.hands.say("follows once the resources are there")
    elif step != "smoke-test":
        await _act(work, step, order)


async def _there(work: Work) -> bool:
    return await work.azure.look("group", "show", "--name", work.resource_group) is not None


async def _complete(work: Work) -> None:
    """Add what this version's tenant files have besides, and keep the parameter file in step."""
    file, added = work.file.completed()

    async def write() -> None:
        check(file)
        file.write()
        work.file = file

    if added:
        await work.hands.change(f"add to {file.path}, with their defaults: {', '.join(added)}", write)
    elif _stale(file):
        await work.hands.change(f"write {file.parameter_file}", write)


def _stale(file: TenantFile) -> bool:
    try:
        return file.parameter_file.read_text(encoding="utf-8") != file.parameters()
    except OSError:
        return True


async def _take(work: Work, step: str, order: Order) -> None:
    if step == "identity":
        await _take_identity(work, order)
    else:
        await _act(work, step, order)


async def _act(work: Work, step: str, order: Order) -> None:
    steps: dict[str, Callable[[Work], Awaitable[None]]] = {
        "identity": prepare_identity,
        "resources": deploy_resources,
        "code": lambda work: deploy_code(work, order.package),
        "smoke-test": smoke_test,
        "first-run": first_run,
    }
    try:
        await steps[step](work)
    except AzureError as error:
        if error.trouble is Trouble.DENIED:
            raise EnforcerError(
                f"{error}. Owner of the resource group {work.resource_group} is needed, or Contributor and"
                f" User Access Administrator; then run `{work.command}` again"
            ) from error
        raise


async def _take_identity(work: Work, order: Order) -> None:
    """Say what will be changed in Entra ID before it is."""
    changes = await _outstanding(work)
    if not changes:
        order.tell("  nothing to do")
        return
    for change in changes:
        order.tell(f"  will: {change}")
    if not order.confirm(f"Make these {len(changes)} changes?"):
        raise EnforcerError(f"nothing was changed; `{work.command}` asks again")
    try:
        await _act(work, "identity", order)
    except DirectoryDeniedError as error:
        raise AdministratorNeededError(work.command, await _outstanding(work), error) from error


async def _outstanding(work: Work) -> list[str]:
    hands = Rehearsing()
    await prepare_identity(replace(work, hands=hands))
    return hands.changes


__all__ = ["STEPS", "AdministratorNeededError", "Entra", "Order", "deploy", "opened", "rehearse"]
