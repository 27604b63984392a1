"""Manage policies as an operator: compare files and tenant, plan, refuse what is dangerous, apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from enforcer.core.coverage import Coverage
from enforcer.core.drift import Drift, count_coverage, find_drift
from enforcer.core.exceptions import NotFoundError
from enforcer.core.policy import PolicyState
from enforcer.graph.client import GraphClient
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.directory import Directory
from enforcer.graph.groups import hides_members
from enforcer.graph.memberships import find_group
from enforcer.policies.as_code.changes import Change, PolicyAction, creation, plan_changes, update
from enforcer.policies.as_code.guard import refuse
from enforcer.policies.as_code.lock_out import LockOutGuard
from enforcer.policies.as_code.wanted import Wanted
from enforcer.policies.population import read_population


@dataclass(frozen=True, slots=True)
class Examination:
    """What is wrong with the tenant's policies, and how many members they cover."""

    drifts: tuple[Drift, ...]
    coverage: dict[Coverage, int]


class Manager:
    """Manages the tenant's policies with an operator's sign-in.

    Args:
        client: Graph, as the operator.
        policies: The tenant's policies, through the same client.

    Errors of all methods: those of ConditionalAccess and Directory.
    """

    def __init__(self, client: GraphClient, policies: ConditionalAccess) -> None:
        self._client = client
        self._directory = Directory(client)
        self._policies = policies

    async def plan(self, wanted: Wanted, *, enable: bool) -> list[Change]:
        """Compare files and tenant.

        Raises:
            RefusedError: A break-glass account does not exist or cannot sign in, or a population group does
                not exist or hides its members.
        """
        refuse([*await self._break_glass_problems(wanted), *await self._population_problems(wanted)])
        listing = await self._policies.policies()
        return plan_changes(wanted.policies, listing.policies, enable=enable)

    async def apply(
        self, changes: Sequence[Change], wanted: Wanted, tell: Callable[[str], None], operator: str = ""
    ) -> None:
        """Make the changes, and report each one made.

        Args:
            changes: The planned changes.
            wanted: The policies that they were planned for.
            tell: Is told of each change.
            operator: Object ID of a person whom nothing may block; empty for the signed-in user.

        Raises:
            RefusedError: It would apply to a break-glass account, or block the operator, at once.
        """
        await LockOutGuard(self._client, self._policies, operator, tell).check(changes, wanted)
        for change in changes:
            await self._make(change, tell)

    async def check(
        self, managed_groups: tuple[str, ...], tell: Callable[[str], None], leavers_group: str = ""
    ) -> Examination:
        """Compare the tenant's block policies with what they have to be, and see whom they cover.

        Args:
            managed_groups: Object IDs.
            tell: Is told what was not looked at.
            leavers_group: Whoever leaves is put into it; empty for none.
        """
        listing = await self._policies.policies()
        for name in listing.unread:
            tell(f"skipped, because this program cannot read it: {name}")
        population = await read_population(
            self._client, listing.policies, managed_groups, leavers_group=leavers_group
        )
        if not population.members:
            tell("coverage not examined: no managed group has a member")
        return Examination(
            drifts=tuple(find_drift(listing.policies, managed_groups, population, None, leavers_group)),
            coverage=count_coverage(listing.policies, population),
        )

    async def _make(self, change: Change, tell: Callable[[str], None]) -> None:
        wanted, current = change.wanted, change.current
        match change.action:
            case PolicyAction.CREATE if wanted is not None:
                created = await self._policies.create(creation(wanted))
                tell(f"created in report-only state: {created.display_name} ({created.id})")
            case PolicyAction.UPDATE if wanted is not None and current is not None:
                await self._policies.update(current.id, update(wanted, current))
                tell(f"updated: {wanted.display_name}")
            case PolicyAction.REPORT if current is not None:
                await self._policies.update(current.id, {"state": PolicyState.REPORT_ONLY.value})
                tell(f"put into report-only state: {current.display_name}")
            case PolicyAction.ENABLE if current is not None:
                await self._policies.update(current.id, {"state": PolicyState.ENABLED.value})
                tell(f"enabled: {current.display_name}")
            case _:
                return

    async def _break_glass_problems(self, wanted: Wanted) -> list[str]:
        problems = [
            await self._break_glass_problem(account) for account in sorted(wanted.break_glass.accounts)
        ]
        problems += [
            await self._break_glass_group_problem(group) for group in sorted(wanted.break_glass.groups)
        ]
        return [problem for problem in problems if problem]

    async def _break_glass_group_problem(self, group: str) -> str:
        found = await find_group(self._client, group)
        if found is None:
            return f"breakGlassGroups: group {group} does not exist in this tenant"
        if hides_members(found.visibility):
            return f"breakGlassGroups: group {group} hides its members; use a security group"
        able = [
            member.id
            async for member in self._directory.members(group)
            if member.is_user and member.enabled is not False and not member.user_kind.may_be_guest
        ]
        return "" if able else f"breakGlassGroups: group {group} has no member of the tenant who can sign in"

    async def _break_glass_problem(self, account: str) -> str:
        try:
            person = await self._directory.find(account)
        except NotFoundError:
            return f"the break-glass account {account} does not exist in this tenant"
        if person.enabled is False:
            return f"the break-glass account {account} is disabled"
        return f"the break-glass account {account} is a guest" if person.user_kind.may_be_guest else ""

    async def _population_problems(self, wanted: Wanted) -> list[str]:
        problems = []
        for group in wanted.population_groups:
            found = await find_group(self._client, group)
            if found is None:
                problems.append(f"populationGroups: group {group} does not exist in this tenant")
            elif hides_members(found.visibility):
                problems.append(
                    f"populationGroups: group {group} hides its members, so nobody can see to whom a policy"
                    " would apply; use a security group"
                )
        return problems
