"""The lock-out guard's questions to the tenant: to whom would policies about to take effect apply?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from enforcer.core.exceptions import RefusedError
from enforcer.core.policy import BLOCK, GUESTS, Policy
from enforcer.graph.client import GraphClient
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.directory import Directory
from enforcer.graph.identity import own_identity
from enforcer.graph.memberships import groups_having
from enforcer.policies.as_code.changes import Change, PolicyAction
from enforcer.policies.as_code.guard import refuse
from enforcer.policies.as_code.wanted import Wanted

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
        problems = [
            f"{policy.key} would apply to the break-glass account {account}"
            for account in (wanted.break_glass if enabled else ())
            for policy in await self._applying(account, enabled)
        ]
        if operator := await self._who_operates():
            applying = await self._applying(operator, enabled) if enabled else []
            applying += [policy for policy in updated if await self._would_apply(operator, policy)]
            problems += [f"{policy.key} would block you ({operator})" for policy in applying if policy.blocks]
        refuse(problems)

    async def _applying(self, user_id: str, policies: Sequence[Policy]) -> list[Policy]:
        """Return which of the tenant's policies apply to a person, by Entra; it skips disabled policies."""
        ids = {policy.id for policy in policies}
        applied = await self._policies.evaluate(user_id)
        return [policy for policy in applied.policies if policy.id in ids]

    async def _would_apply(self, user_id: str, policy: Policy) -> bool:
        """Whether a policy of the files, which Entra does not know yet, would apply to a person.

        Not needed for break-glass accounts: every policy of the files excludes them by name. Guest types are
        not distinguished.
        """
        users = policy.users
        if user_id in _lower(users.exclude_users):
            return False
        included, excluded = _lower(users.include_groups), _lower(users.exclude_groups)
        groups = _lower(await groups_having(self._client, user_id, sorted(included | excluded)))
        if groups & excluded:
            return False
        if groups & included or user_id in _lower(users.include_users):
            return True
        guests = users.include_guests_or_external_users or GUESTS in (users.include_users or ())
        return bool(guests) and (await self._directory.find(user_id)).user_kind.may_be_guest

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


def _lower(names: Sequence[str] | None) -> set[str]:
    return {name.lower() for name in names or ()}
