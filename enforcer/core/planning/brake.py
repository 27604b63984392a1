"""The brake: a sweep that would offboard suspiciously many people waits for somebody's approval.

Entra's own provisioning stops at a number of deletes for the same reason: a broken feed looks exactly
like a mass departure. Both bounds must be passed, so that a small group can lose half its people and a
large one its usual handful without a call at night.
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
        """Whether so many people must not go without an approval.

        Those whose offboarding an earlier run began were let through then and are not counted again.
        """
        fresh = sum(1 for person in people if not person.authorised)
        return fresh > self.count and fresh * 100 > self.percent * members
