"""Whose changes are in a plan: none of them approves it."""

from __future__ import annotations

from collections.abc import Iterable

from enforcer.core.keys import normalised
from enforcer.core.ledger import Action, Entry
from enforcer.core.plan import GroupPlan

REGISTER_CHANGES = frozenset(
    {
        Action.REGISTER_ADD,
        Action.REGISTER_EXTEND,
        Action.REGISTER_END,
        Action.REGISTER_REMOVE,
        Action.REGISTER_IMPORT,
    }
)


def causes(plan: GroupPlan, entries: Iterable[Entry]) -> frozenset[str]:
    """Return the actors whose changes of the register are about anybody in a plan.

    Args:
        plan: What needs an approval.
        entries: Of the group's ledger, since the last night that was complete.
    """
    names = {name for person in plan.offboard for name in person.names}
    names |= {name for joiner in plan.onboard for name in (joiner.key, normalised(joiner.row_key))}
    return frozenset(
        entry.actor
        for entry in entries
        if entry.action in REGISTER_CHANGES and not names.isdisjoint({normalised(entry.row_key), entry.user})
    )
