"""What every step of a deployment is given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from enforcer.deployment.azure_cli import AzureCli
from enforcer.deployment.bicep_functions import unique_string
from enforcer.deployment.entra import Entra
from enforcer.deployment.hands import Hands
from enforcer.deployment.patience import Patience
from enforcer.deployment.tenant_file import TenantFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where Azure is, and who is signed in, as `az account show` and `az cloud show` tell."""

    subscription_id: str
    tenant_id: str
    user: str
    graph_url: str
    authority_url: str
    manager_url: str


@dataclass(slots=True, kw_only=True)
class Work:
    """A deployment under way.

    Attributes:
        file: The tenant file; what a step finds out is written into it, and it is replaced here.
        hands: Carry out the changes.
    """

    file: TenantFile
    account: Account
    azure: AzureCli
    entra: Entra
    hands: Hands
    patience: Patience

    @property
    def resource_group(self) -> str:
        return self.file.get("resourceGroup")

    @property
    def resource_group_id(self) -> str:
        account, group = self.account.subscription_id, self.resource_group
        return str(PurePosixPath("/", "subscriptions", account, "resourceGroups", group))

    @property
    def unique_name(self) -> str:
        """What the names of resources end with; as in infra/main.bicep."""
        name = self.file.get("name")
        return f"{name}-{unique_string(self.resource_group_id, name)}"

    @property
    def app_name(self) -> str:
        return f"func-{self.unique_name}"

    @property
    def command(self) -> str:
        """The command that continues this deployment."""
        return f"enforcer deploy --tenant {self.file.name}"

    async def write_down(self, key: str, value: str | tuple[str, ...]) -> None:
        """Write something that was found out into the tenant file, if it is not there."""
        known = self.file.several(key) if isinstance(value, tuple) else self.file.get(key)
        if known == value:
            return

        async def write() -> None:
            self.file = self.file.with_value(key, value)
            self.file.write()

        shown = ", ".join(value) if isinstance(value, tuple) else value
        await self.hands.change(f"write {key}: {shown} into {self.file.path}", write)


async def read_account(azure: AzureCli) -> Account:
    """Ask `az` who is signed in, and to what. Raises AzureError."""
    account = await azure.ask("account", "show")
    cloud = await AzureCli(azure.environ).ask("cloud", "show")
    endpoints = cloud["endpoints"]
    return Account(
        subscription_id=account["id"].lower(),
        tenant_id=account["tenantId"].lower(),
        user=account.get("user", {}).get("name", ""),
        graph_url=endpoints["microsoftGraphResourceId"].rstrip("/"),
        authority_url=endpoints["activeDirectory"].rstrip("/"),
        manager_url=endpoints["resourceManager"].rstrip("/"),
    )


def slug(text: str) -> str:
    """Return a name that Entra accepts as a mail nickname and alternate key."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64]
