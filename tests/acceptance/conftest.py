"""A tenant with applications, guests and members, where people try to sign in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from enforcer.core.ledger import Action
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.pacer import Pacer
from enforcer.graph.retries import RetryBudget
from sandbox import azure_cli
from sandbox.directory import Attempt, Group, Outcome, User, try_to_sign_in
from sandbox.directory.settings import Quota
from tests.support.policies_in_force import put_in_force
from tests.support.world import World

SHAREPOINT = "00000003-0000-0ff1-ce00-000000000000"


@dataclass
class Company:
    """A world with Conditional Access, and an operator who may change it."""

    world: World
    operator: User
    break_glass: User
    folder: Path

    async def put_policies_in_force(self, **values: object) -> None:
        """Apply and enable the shipped policies; guests are the population unless told otherwise."""
        await put_in_force(
            self.world.services.settings,
            self.folder,
            breakGlassAccounts=[self.break_glass.id],
            **values,
        )

    def manage(self, group: Group) -> None:
        """Manage this group, too."""
        self.world.configure(group_ids=(*self.world.services.settings.group_ids, group.id))

    async def proofs(self) -> list[str]:
        """Return the ledger's entries about proofs, oldest first."""
        return [entry.outcome for entry in await self.world.ledger() if entry.action is Action.PROOF]

    def sign_in(self, user: User, app: str = SHAREPOINT, **more: object) -> Outcome:
        """Try to sign in to an application, able to satisfy any grant control."""
        attempt = Attempt(user=user.id, app=app, **more)  # type: ignore[arg-type]
        return try_to_sign_in(attempt, self.world.tenant)


@pytest.fixture
def company(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Company:
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All")
    world.directory.sandbox.settings.conditional_access_quota = Quota(limit=1000, seconds=1)
    # tests/graph/test_conditional_access.py covers the limit of one call a second.
    quick = ConditionalAccess(
        world.services.graph, Pacer(1000, 1.0), RetryBudget(failures=1.0, throttling=2.0)
    )
    world.services = replace(world.services, conditional_access=quick)
    operator = world.tenant.add_user("Olga Operator")
    path = azure_cli.signed_in(tmp_path, world.directory.url, operator.id)["PATH"]
    monkeypatch.setenv("PATH", path)
    return Company(world, operator, world.tenant.add_user("Break Glass"), tmp_path)
