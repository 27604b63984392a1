"""The lock-out guard's questions to the tenant: to whom would policies about to take effect apply?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from enforcer.core.coverage import Coverage, applies_to
from enforcer.core.exceptions import RefusedError
from enforcer.core.policy import BLOCK, Policy
from enforcer.graph.client import GraphClient
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.directory import Directory
from enforcer.graph.identity import own_identity
from enforcer.policies.as_code.asking import circumstances_of, unaskable
from enforcer.policies.as_code.changes import Change, PolicyAction
from enforcer.policies.as_code.guard import refuse
from enforcer.policies.as_code.wanted import Wanted
from enforcer.policies.population import read_groups

_NOBODY_CHECKED = (
    "an app is signed in, so no person was checked for being locked out; name one with --operator"
)


class _Me(msgspec.Struct):
    id: str


class LockOutGuard:
    """Refuses changes that would lock out a break-glass account, the operator or every contractor.

    Args:
        client: Graph, as the operator.
        policies: The tenant's policies, through the same client.
        operator: Object ID of the person whom nothing may block; empty for the signed-in user.
        tell: Is told what could not be checked.
    """

    def __init__(
        self, client: GraphClient, policies: ConditionalAccess, operator: str, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._directory = Directory(client)
        self._policies = policies
        self._operator = operator
        self._tell = tell

    async def check(self, changes: Sequence[Change], wanted: Wanted) -> None:
        """Check all changes that take effect at once.

        Raises:
            RefusedError: One of them would lock somebody out, or whom it must not lock out is unknown.
        """
        enabled = [
            change.current for change in changes if change.action is PolicyAction.ENABLE and change.current
        ]
        updated = [change.wanted for change in changes if change.updates_enabled and change.wanted]
        if not enabled and not updated:
            return
        if any(policy.key == BLOCK for policy in enabled):
            refuse(await self._emptiness(wanted))
        problems = [f"{policy.key} {why}" for policy in enabled if (why := unaskable(policy))]
        refuse(problems)
        problems = [
            f"{policy.key} would apply to the break-glass account {account}"
            for account in (await self._break_glass(wanted) if enabled else ())
            for policy in await self._applying(account, enabled)
        ]
        if operator := await self._who_operates():
            blocking = [policy for policy in enabled if policy.blocks]
            applying = await self._applying(operator, blocking) if blocking else []
            problems += [f"{policy.key} would block you ({operator})" for policy in applying]
            problems += await self._after_updates(operator, [policy for policy in updated if policy.blocks])
        refuse(problems)

    async def _break_glass(self, wanted: Wanted) -> list[str]:
        """Return the object IDs of all break-glass accounts, those in groups included."""
        found = set(wanted.break_glass.accounts)
        for group in wanted.break_glass.groups:
            found |= {member.id async for member in self._directory.members(group) if member.is_user}
        return sorted(found)

    async def _applying(self, user_id: str, policies: Sequence[Policy]) -> list[Policy]:
        """Return which of the tenant's policies apply to a person, by Entra; it skips disabled policies.

        Each is asked about in circumstances that it names, those with the same ones at once.
        """
        ids = {policy.id for policy in policies}
        found: dict[str, Policy] = {}
        for circumstances in dict.fromkeys(circumstances_of(policy) for policy in policies):
            applied = await self._policies.evaluate(user_id, circumstances)
            found |= {policy.id: policy for policy in applied.policies if policy.id in ids}
        return list(found.values())

    async def _after_updates(self, user_id: str, policies: Sequence[Policy]) -> list[str]:
        """Return which policies of the files, which Entra does not know yet, would or might block a person.

        Not needed for break-glass accounts: every policy of the files excludes them by name.
        """
        if not policies:
            return []
        person = await self._directory.find(user_id)
        groups = await read_groups(self._client, policies, ())
        problems = []
        for policy in policies:
            verdict = applies_to(policy, person, groups)
            if verdict.coverage is Coverage.COVERED:
                problems.append(f"{policy.key} would block you ({user_id})")
            if verdict.coverage is Coverage.NOT_KNOWN:
                problems.append(f"{policy.key} might block you ({user_id}): it {verdict.why}")
        return problems

    async def _emptiness(self, wanted: Wanted) -> list[str]:
        for group_id in wanted.managed_groups:
            async for member in self._directory.members(group_id):
                if member.is_user:
                    return []
        return [f"{BLOCK} would block every contractor: no managed group has a member"]

    async def _who_operates(self) -> str:
        """Return the object ID of the person whom nothing may block; empty where an app is signed in."""
        if self._operator:
            return self._operator
        reply = await self._client.read("/me?$select=id")
        if not reply.ok and (await own_identity(self._client)).roles:
            self._tell(_NOBODY_CHECKED)
            return ""
        try:
            return msgspec.json.decode(reply.body, type=_Me).id.lower()
        except msgspec.MsgspecError as error:
            reason = "Graph's answer is broken" if reply.ok else reply.explanation
            raise RefusedError(
                f"refused, nothing was written: who is signed in, and might be locked out, could not be read"
                f" ({reason}); name them with --operator"
            ) from error
