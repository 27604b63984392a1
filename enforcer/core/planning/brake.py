"""The brake: a sweep that would offboard suspiciously many people waits for an approval.

Entra's own provisioning stops at a number of deletions for the same reason: a broken feed looks exactly
like a mass exit. Both bounds must be exceeded, so that a small group can lose half its people and a large
one its usual handful without waking anybody at night.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from enforcer.core.plan import Offboard


@dataclass(frozen=True, slots=True)
class Brake:
    """Bounds: more than `count` people and more than `percent` of the group's members."""

    count: int
    percent: float

    def holds(self, people: Iterable[Offboard], members: int) -> bool:
        """Whether this many people need an approval first.

        People whose offboarding an earlier run began were let through then and do not count again.
        """
        fresh = sum(1 for person in people if not person.authorised)
        return fresh > self.count and fresh * 100 > self.percent * members
