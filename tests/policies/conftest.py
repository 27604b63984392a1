"""A tenant with contractors and administrators, and an operator who is signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from enforcer.cli import running
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.pacer import Pacer
from enforcer.policies.changes import Change
from enforcer.policies.managing import Manager
from enforcer.policies.sign_in import operators_graph
from enforcer.policies.wanted import Wanted, read_wanted
from enforcer.settings import Settings, load_settings
from sandbox import azure_cli
from sandbox.directory import Group, Tenant, User, directory_in_thread
from sandbox.directory import Settings as DirectorySettings
from sandbox.directory.server import DirectoryServer
from sandbox.directory.settings import Quota

TEMPLATES = Path(__file__).parents[2] / "infra/conditional-access"
# Waiting for a second before each call is what tests/graph/test_conditional_access.py is about.
PATIENT = DirectorySettings(enforce_permissions=True, conditional_access_quota=Quota(limit=1000, seconds=1))


@dataclass(frozen=True)
class Office:
    """The tenant, and where the operator works."""

    directory: DirectoryServer
    contractors: Group
    everybody: Group
    operator: User
    break_glass: tuple[User, ...]
    folder: Path
    environ: dict[str, str]

    @property
    def tenant(self) -> Tenant:
        return self.directory.tenant

    @property
    def settings(self) -> Settings:
        return load_settings(self.environ)

    @property
    def values(self) -> dict[str, object]:
        return {
            "breakGlassAccounts": [account.id for account in self.break_glass],
            "populationGroups": [self.everybody.id],
            "allowedApps": ["Office365"],
        }

    def write_values(self, **more: object) -> Path:
        file = self.folder / "values.json"
        file.write_bytes(msgspec.json.encode(self.values | more))
        return file

    def somebody_has_access(self) -> None:
        self.tenant.add_member(self.contractors, self.tenant.add_user("Carla Contractor"))

    @property
    def states(self) -> set[str]:
        return {policy["state"] for policy in self.tenant.policies.values()}

    def policy(self, key: str) -> dict[str, Any]:
        """Give the tenant's policy that was made from a template."""
        (found,) = [one for one in self.tenant.policies.values() if f"[enforcer:{key}:" in one["displayName"]]
        return found


class Operator:
    """An operator at his desk."""

    def __init__(self, office: Office, manager: Manager) -> None:
        self.office, self.manager = office, manager
        self.told: list[str] = []
        self.names = ""

    def wants(self, **values: object) -> Wanted:
        file = self.office.write_values(**values)
        return read_wanted(TEMPLATES, file, (self.office.contractors.id,))

    async def plan(self, *, enable: bool = False, **values: object) -> dict[str, Change]:
        changes = await self.manager.plan(self.wants(**values), enable=enable)
        return {change.key: change for change in changes}

    async def apply(self, *, enable: bool = False, **values: object) -> None:
        changes = await self.plan(enable=enable, **values)
        await self.manager.apply(list(changes.values()), self.wants(**values), self.told.append, self.names)

    async def is_done(self) -> bool:
        return not any(change.is_due for change in (await self.plan()).values())


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    tenant = Tenant()
    tenant.add_managed_identity("enforcer")  # the function's own identity may do nothing here
    everybody = tenant.add_group("All contractors")
    contractors = tenant.add_group("Contractors")
    operator = tenant.add_user("Olga Operator", directory_roles=["b1be1c3e-b65d-4f19-8427-f6fa0d97feb9"])
    break_glass = (tenant.add_user("Break Glass 1"), tenant.add_user("Break Glass 2"))
    with directory_in_thread(tenant, PATIENT) as directory:
        environ = {
            **directory.environment,
            "ENFORCER_GROUP_IDS": contractors.id,
            "EnforcerStorage": "UseDevelopmentStorage=true",
        }
        signed_in = azure_cli.signed_in(tmp_path, directory.url, operator.id)
        for name, value in (environ | signed_in).items():
            monkeypatch.setenv(name, value)
        running.settings.cache_clear()
        yield Office(directory, contractors, everybody, operator, break_glass, tmp_path, environ)
        running.settings.cache_clear()


@pytest.fixture
async def operator(office: Office) -> AsyncIterator[Operator]:
    async with operators_graph(office.settings) as client:
        yield Operator(office, Manager(client, ConditionalAccess(client, Pacer(1000, 1.0))))
