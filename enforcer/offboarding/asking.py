"""What Entra is asked about somebody before they are offboarded on demand, in a few seconds."""

from __future__ import annotations

import asyncio

from enforcer.core.exceptions import EnforcerError, GroupError, ReadError, RefusedError, UnavailableError
from enforcer.core.settings import PROTECTED_GROUPS
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.graph.memberships import directory_roles_of, groups_having, require_readable
from enforcer.services import Services

# Somebody waits for the answer.
_SECONDS = 5.0
_LONGEST = 240


async def managed_groups_of(services: Services, user_id: str) -> frozenset[str] | None:
    """Return the managed groups that have the person as a member; None where Entra does not say.

    Raises:
        RefusedError: They are in a protected group, or such a group does not exist or hides its members.
        UnavailableError: Entra does not say whether they are in a protected group.
    """
    managed, protecting = services.settings.group_ids, services.settings.protected_group_ids
    try:
        async with asyncio.timeout(_SECONDS):
            await require_readable(services.graph, protecting, PROTECTED_GROUPS)
            found = await groups_having(services.graph, user_id, [*managed, *protecting])
    except GroupError as error:
        raise RefusedError(str(error), field=PROTECTED_GROUPS) from error
    except (EnforcerError, TimeoutError) as error:
        if not protecting:
            return None
        what = f"Entra does not say whether {user_id} is in a group of {PROTECTED_GROUPS}"
        raise UnavailableError(f"{what}: {str(error) or 'no answer in time'}") from error
    listed = frozenset(map(str.lower, found))
    if protects := listed & frozenset(protecting):
        named = f"{PROTECTED_GROUPS} names their group {', '.join(sorted(protects))}"
        raise RefusedError(f"{user_id} is never acted upon: {named}", field="user")
    return listed


async def roles_of(services: Services, user_id: str) -> tuple[str, ...] | StepResult:
    """Return the directory roles that the person holds, or why their account cannot be disabled."""
    try:
        async with asyncio.timeout(_SECONDS):
            return tuple(await directory_roles_of(services.graph, user_id))
    except (EnforcerError, TimeoutError) as error:
        why = f"not tried: Entra does not say which directory roles they hold: {error}"
        unavailable = not isinstance(error, ReadError)
        return StepResult(outcome=StepOutcome.FAILED, explanation=why[:_LONGEST], unavailable=unavailable)
