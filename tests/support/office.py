"""A tenant with contractors and administrators, where an operator is signed in with `az login`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from enforcer.cli import running
from enforcer.core.settings import Settings, load_settings
from sandbox import azure_cli
from sandbox.directory import Group, Tenant, User, directory_in_thread
from sandbox.directory import Settings as DirectorySettings
from sandbox.directory.server import DirectoryServer
from sandbox.directory.settings import Quota

TEMPLATES = Path(__file__).parents[2] / "infra/conditional-access"
# tests/graph/test_conditional_access.py covers waiting a second before each call.
PATIENT = DirectorySettings(enforce_permissions=True, conditional_access_quota=Quota(limit=1000, seconds=1))


@dataclass(frozen=True)
class Office:
    """The tenant, and the operator's place of work."""

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
        """Return the tenant's policy made from a template."""
        (found,) = [one for one in self.tenant.policies.values() if f"[enforcer:{key}:" in one["displayName"]]
        return found


@contextmanager
def running_office(folder: Path, setenv: Callable[[str, str], None]) -> Iterator[Office]:
    """Run the tenant, and sign the operator in."""
    tenant = Tenant()
    tenant.add_managed_identity("enforcer")  # the function's own identity has no permissions here
    everybody = tenant.add_group("All contractors")
    contractors = tenant.add_group("Contractors")
    operator = tenant.add_user("Olga Operator", directory_roles=["b1be1c3e-b65d-4f19-8427-f6fa0d97feb9"])
    break_glass = (tenant.add_user("Break Glass 1"), tenant.add_user("Break Glass 2"))
    with directory_in_thread(tenant, PATIENT) as directory:
        environ = {
            **directory.environment,
            "ENFORCER_GROUP_IDS": contractors.id,
            "ENFORCER_MODE": "enforce",
            "EnforcerStorage": "UseDevelopmentStorage=true",
        }
        signed_in = azure_cli.signed_in(folder, directory.url, operator.id)
        for name, value in (environ | signed_in).items():
            setenv(name, value)
        running.settings.cache_clear()
        yield Office(directory, contractors, everybody, operator, break_glass, folder, environ)
        running.settings.cache_clear()
