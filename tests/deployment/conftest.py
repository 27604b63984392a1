"""A clone of the project in a folder of its own, with an `az`, an Azure and a tenant."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

import anyio.to_thread
import pytest

from enforcer.cli import cli
from enforcer.cli.running import run_guarded, settings
from enforcer.core.exceptions import EnforcerError
from enforcer.deployment.answers import Answers, new_tenant_file
from enforcer.deployment.deploy import STEPS, Order, deploy, rehearse
from enforcer.deployment.patience import Patience
from enforcer.deployment.tenant_file import Principal, TenantFile, read_tenant_file
from sandbox.directory import Group, Settings, Tenant, User, directory_in_thread
from sandbox.directory.permissions import (
    APPLICATION_ADMINISTRATOR,
    GROUPS_ADMINISTRATOR,
    PRIVILEGED_ROLE_ADMINISTRATOR,
)
from tests.cli.conftest import Ran
from tests.support.azure_world import AzureWorld, running_azure

PROJECT = Path(__file__).parents[2]
ADMINISTRATOR = (PRIVILEGED_ROLE_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, GROUPS_ADMINISTRATOR)


@dataclass
class Site:
    """Where somebody deploys."""

    azure: AzureWorld
    administrator: User
    operator: User
    operators: Group
    contractors: Group
    monkeypatch: pytest.MonkeyPatch
    output: pytest.CaptureFixture[str]
    code: Path
    told: list[str] = field(default_factory=list)

    @property
    def tenant(self) -> Tenant:
        return self.azure.directory.tenant

    @property
    def file(self) -> TenantFile:
        return read_tenant_file("contoso")

    def write(self, **changes: object) -> TenantFile:
        """Write a tenant file for the group that exists, or with other answers."""
        answers = {
            "tenant_id": self.tenant.tenant_id,
            "group": self.contractors.id,
            "zone": "Europe/Berlin",
            "operators": (Principal(id=self.operators.id, type="Group"),),
            "approvers": (Principal(id=self.administrator.id, type="User"),),
            "alarms": ("ops@contoso.com",),
            "mode": "report",
            "subscription": "",
            "resource_group": "rg-contractor-access",
            "location": "westeurope",
        }
        file = new_tenant_file("contoso", Answers(**(answers | changes)))  # type: ignore[arg-type]
        file = file.with_value("graphUrl", self.azure.directory.url)
        file.write()
        return file

    def change(self, key: str, value: str) -> None:
        """Change a line of the tenant file, as a person would."""
        self.file.with_value(key, value).write()

    async def deploy(self, *only: str) -> list[str]:
        """Deploy; return what was told."""
        self.told.clear()
        settings.cache_clear()
        await deploy(self.file, self.order(*only))
        return self.told

    async def refused(self, *only: str) -> str:
        """Deploy in vain; return why."""
        with pytest.raises(EnforcerError) as error:
            await self.deploy(*only)
        return str(error.value)

    async def rehearse(self, *only: str) -> list[str]:
        """Return what a deployment would change."""
        self.told.clear()
        return await rehearse(self.file, self.order(*only))

    def order(self, *only: str) -> Order:
        async def package(zip_file: Path) -> None:
            shutil.copyfile(self.code, zip_file)

        return Order(
            tell=self.told.append,
            confirm=lambda _: True,
            package=package,
            only=only or tuple(STEPS),
            patience=Patience(seconds=30.0, pause=0.01),
        )

    def writes(self) -> list[str]:
        """Return the changes that Entra ID was asked for."""
        entries = self.azure.directory.sandbox.log.entries
        return [f"{one.method} {one.path}" for one in entries if one.method != "GET"]

    async def run(self, *arguments: str) -> Ran:
        """Run a command in a thread, as a process would."""
        settings.cache_clear()
        self.output.readouterr()
        code = await anyio.to_thread.run_sync(run_guarded, cli, arguments)
        captured = self.output.readouterr()
        return Ran(code, captured.out, captured.err)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The package to deploy: next to nothing, where a test is not about what is in it."""
    file = tmp_path / "next-to-nothing.zip"
    with ZipFile(file, "w") as archive:
        for name in ("function_app.py", "host.json"):
            archive.writestr(name, "")
    return file


@pytest.fixture
def site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: Path
) -> Iterator[Site]:
    tenant = Tenant()
    administrator = tenant.add_user("Ada Administrator", directory_roles=list(ADMINISTRATOR))
    operator = tenant.add_user("Olga Operator")
    operators = tenant.add_group("Contractor operators", members=[administrator, operator])
    contractors = tenant.add_group("Contractors")
    (tmp_path / "infra").symlink_to(PROJECT / "infra")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in os.environ:
        if name.startswith(("ENFORCER_", "EnforcerStorage", "IDENTITY_", "AZURE_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with ExitStack() as stack:
        directory = stack.enter_context(directory_in_thread(tenant, Settings(enforce_permissions=True)))
        azure = stack.enter_context(running_azure(directory, programs, administrator))
        yield Site(azure, administrator, operator, operators, contractors, monkeypatch, capsys, code)
    settings.cache_clear()
