"""The operator's part: read the files and the tenant, plan, refuse what is dangerous, apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from enforcer.exceptions import NotFoundError, RefusedError
from enforcer.graph.client import GraphClient
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.directory import Directory
from enforcer.policies.changes import Action, Change, creation, plan_changes, update
from enforcer.policies.coverage import uncovered
from enforcer.policies.drift import Drift, DriftKind, find_drift
from enforcer.policies.guard import dangers
from enforcer.policies.policy import Policy, PolicyState, made_here
from enforcer.policies.templates import BLOCK, read_templates, render
from enforcer.policies.values import placeholders, read_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The policies of the files, checked as far as files can be."""

    policies: tuple[Policy, ...]
    managed_groups: tuple[str, ...]
    break_glass: tuple[str, ...]


def read_wanted(directory: Path, values_file: Path, managed_groups: tuple[str, ...]) -> Wanted:
    """Read templates and values.

    Raises:
        InputError: A file is missing or wrong.
        RefusedError: The policies would lock somebody out.
    """
    values = read_values(values_file)
    filled = placeholders(values, managed_groups)
    policies = tuple(render(template, filled) for template in read_templates(directory))
    break_glass = tuple(account.lower() for account in values.break_glass_accounts)
    _refuse(dangers(policies, managed_groups, break_glass))
    return Wanted(policies=policies, managed_groups=managed_groups, break_glass=break_glass)


class Manager:
    """Works on the tenant's policies with an operator's sign-in.

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
            RefusedError: A break-glass account does not exist or cannot sign in.
        """
        _refuse(await self._break_glass_problems(wanted))
        return plan_changes(wanted.policies, await self._policies.policies(), enable=enable)

    async def apply(self, changes: Sequence[Change], wanted: Wanted, tell: Callable[[str], None]) -> None:
        """Make the changes, and tell each one that is made.

        Raises:
            RefusedError: What is to be enabled would meet a break-glass account or the operator himself.
        """
        if any(change.action is Action.ENABLE for change in changes):
            await self._refuse_lock_out(changes, wanted)
        for change in changes:
            await self._make(change, tell)

    async def check(self, managed_groups: tuple[str, ...]) -> list[Drift]:
        """Give what is wrong with the tenant's block policy, whom it fails to cover included."""
        policies = await self._policies.policies()
        drifts = find_drift(policies, managed_groups)
        for block in made_here(policies, BLOCK)[:1]:
            people = await uncovered(self._directory, block, managed_groups)
            if people:
                drifts.append(_not_covered(block, people))
        return drifts

    async def _make(self, change: Change, tell: Callable[[str], None]) -> None:
        wanted, current = change.wanted, change.current
        match change.action:
            case Action.CREATE if wanted is not None:
                created = await self._policies.create(creation(wanted))
                tell(f"created in report-only state: {created.display_name} ({created.id})")
            case Action.UPDATE if wanted is not None and current is not None:
                await self._policies.update(current.id, update(wanted, current))
                tell(f"updated: {wanted.display_name}")
            case Action.ENABLE if current is not None:
                await self._policies.update(current.id, {"state": PolicyState.ENABLED.value})
                tell(f"enabled: {current.display_name}")
            case _:
                return

    async def _break_glass_problems(self, wanted: Wanted) -> list[str]:
        return [
            problem for account in wanted.break_glass if (problem := await self._break_glass_problem(account))
        ]

    async def _break_glass_problem(self, account: str) -> str:
        try:
            person = await self._directory.find(account)
        except NotFoundError:
            return f"the break-glass account {account} does not exist in this tenant"
        if person.enabled is False:
            return f"the break-glass account {account} is disabled"
        return f"the break-glass account {account} is a guest" if person.guest else ""

    async def _refuse_lock_out(self, changes: Sequence[Change], wanted: Wanted) -> None:
        """Ask Entra itself whom the policies would meet, before they are switched on."""
        enabled = [change.current for change in changes if change.action is Action.ENABLE and change.current]
        if any(policy.key == BLOCK for policy in enabled):
            _refuse(await self._emptiness(wanted))
        operator = await self._operator_id()
        problems = [
            f"{policy.key} would meet the break-glass account {account}"
            for account in wanted.break_glass
            for policy in await self._meeting(account, enabled)
        ]
        if operator:
            meeting = await self._meeting(operator, enabled)
            problems += [f"{policy.key} would block you ({operator})" for policy in meeting if policy.blocks]
        _refuse(problems)

    async def _meeting(self, user_id: str, policies: Sequence[Policy]) -> list[Policy]:
        ids = {policy.id for policy in policies}
        return [policy for policy in await self._policies.evaluate(user_id) if policy.id in ids]

    async def _emptiness(self, wanted: Wanted) -> list[str]:
        for group_id in wanted.managed_groups:
            async for member in self._directory.members(group_id):
                if member.is_user:
                    return []
        return [f"{BLOCK} would block every contractor: nobody is in a managed group"]

    async def _operator_id(self) -> str:
        """Give the object ID of the person who is signed in; empty for a service principal."""
        reply = await self._client.read("/me?$select=id")
        try:
            return msgspec.json.decode(reply.body, type=_Me).id.lower() if reply.ok else ""
        except msgspec.MsgspecError:
            return ""


class _Me(msgspec.Struct):
    id: str


def _not_covered(block: Policy, people: list[str]) -> Drift:
    shown = ", ".join(people[:5]) + (", …" if len(people) > 5 else "")  # noqa: PLR2004 -- a line's length
    detail = (
        f"policy {block.display_name}: {len(people)} members of a managed group would not be blocked after"
        f" they have left it, because they are in none of its groups: {shown}"
    )
    return Drift(kind=DriftKind.NOT_COVERED, policy_id=block.id, detail=detail)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise RefusedError("refused, nothing was written:\n" + "\n".join(f"  {item}" for item in problems))
