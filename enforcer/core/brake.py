"""The brake: suspiciously many people in a day wait for an approval.

Entra's own provisioning stops at a number of deletions for the same reason: a broken feed looks exactly
like a mass exit. Both bounds must be exceeded, so that a small group can lose half its people and a large
one its usual handful without waking anybody at night. Whoever was let through in the last 22 hours counts,
on whichever way, so that nobody empties a group in small steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

# Shorter than a day, so that one ordinary night does not hold the next.
WINDOW = timedelta(hours=22)
_HOUR = timedelta(hours=1)
# Batches are kept by their number, not their age: a clock that jumps ahead for one run empties nothing. Two
# ways have at most 46 batches in a window, as those of an hour are one.
_MOST_BATCHES = 120
# At this percentage nobody is ever held: so the brake is switched off.
_NEVER = 100


class Way(StrEnum):
    """What is counted; the two ways are judged apart."""

    OFFBOARD = "offboard"
    ONBOARD = "onboard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """People let through in one hour without an approval.

    Attributes:
        at: When the last of them were.
        members: The largest membership then seen.
        sequence: The ledger's first entry about them.
    """

    way: Way
    at: datetime
    people: int
    members: int
    sequence: int

    def joined(self, other: Batch) -> Batch:
        """Return the two as one."""
        return replace(
            self,
            at=max(self.at, other.at),
            people=self.people + other.people,
            members=max(self.members, other.members),
            sequence=min(self.sequence, other.sequence),
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Whom the brake has let through in one group, by the hour."""

    batches: tuple[Batch, ...] = ()

    def lately(self, now: datetime, way: Way | None = None) -> Window:
        """Return what still counts at `now`; what is dated in the future does, as clocks jump."""
        since = now - WINDOW
        return Window(tuple(one for one in self.batches if one.at > since and way in (None, one.way)))

    def adding(self, batch: Batch) -> Window:
        hour = batch.at.replace(minute=0, second=0, microsecond=0)
        same = [one for one in self.batches if one.way is batch.way and one.at >= hour > one.at - _HOUR]
        for one in same:
            batch = batch.joined(one)
        others = [one for one in self.batches if one not in same]
        return Window((*others, batch)[-_MOST_BATCHES:])

    def covers(self, other: Window) -> bool:
        """Whether everybody in the other is in this one too, and as late."""
        return all(
            any(
                one.way is told.way and told.at <= one.at < told.at + _HOUR and one.people >= told.people
                for one in self.batches
            )
            for told in other.batches
        )

    @property
    def people(self) -> int:
        return sum(batch.people for batch in self.batches)

    @property
    def members(self) -> int:
        """The largest membership."""
        return max((batch.members for batch in self.batches), default=0)

    @property
    def sequence(self) -> int:
        """The ledger's first entry about any of them; 0 if there is none."""
        return min((batch.sequence for batch in self.batches), default=0)


@dataclass(frozen=True, slots=True)
class Brake:
    """Bounds: more than `count` people and more than `percent` of the group's members."""

    count: int
    percent: float

    def holds(self, way: Way, fresh: int, members: int, window: Window, now: datetime) -> bool:
        """Whether these people need an approval first.

        Args:
            way: What would be done to them.
            fresh: How many nobody has let through before.
            members: How many members the group has.
            window: Whom the brake has let through before.
            now: The instant (UTC).
        """
        lately = window.lately(now)
        people = fresh + lately.lately(now, way).people
        largest = max(members, lately.members)
        if way is Way.ONBOARD and not largest:
            return fresh > 0 and self.percent < _NEVER  # the first fill of an empty group
        return fresh > 0 and people > self.count and people * 100 > self.percent * largest
