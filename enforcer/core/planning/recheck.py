"""The recheck of a person's rows just before they are offboarded: has anything changed in their favour?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor, InvalidRow, RegisterRow, read_row
from enforcer.core.keys import ANYBODY
from enforcer.core.plan import Offboard


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipReason:
    """Why a person is left alone for now.

    Attributes:
        withdraws: Their access has not ended after all, as far as anybody can tell; if false, what was begun
            is still to be finished.
    """

    reason: str
    withdraws: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """What the register says when a person's turn has come.

    Attributes:
        own: The row that the plan went by; where there was none, the one whose key is their object ID.
        others: Other rows that mean them, or may (see `names`), written since the plan was begun.
    """

    own: RegisterRow | None
    others: Iterable[RegisterRow]
    rules: DateRules
    now: datetime

    def skip_reason(self, person: Offboard) -> SkipReason | None:
        """Return the reason to leave them alone, if there is one.

        A row that vanishes does not let anybody back in who is already out: only a row that says that access
        goes on takes back what was begun.
        """
        return self._by_own_row(person) or self._by_another_row(person)

    def _by_own_row(self, person: Offboard) -> SkipReason | None:
        if self.own is None:
            stays = person.row_key is not None and not _was_removed(person)
            return SkipReason(reason="their row has gone from the register") if stays else None
        row = read_row(self.own, self.rules)
        if isinstance(row, InvalidRow):
            return SkipReason(reason="their row can no longer be read", withdraws=not _was_removed(person))
        return None if row.is_due(self.now) else SkipReason(reason="their end date was extended")

    def _by_another_row(self, person: Offboard) -> SkipReason | None:
        reason = "a row written after the plan means them"
        rows = [read_row(row, self.rules) for row in self.others]
        running = [row for row in rows if isinstance(row, Contractor) and not row.is_due(self.now)]
        if not _was_removed(person):
            return SkipReason(reason=reason) if rows else None
        unreadable = [row for row in rows if isinstance(row, InvalidRow)]
        return SkipReason(reason=reason, withdraws=bool(running)) if running or unreadable else None


def names(person: Offboard) -> frozenset[str]:
    """Return the normalised keys of rows that mean them; nameless rows may mean whoever has none."""
    may_be_anybody = person.row_key is None and person.is_fresh
    return person.names | {ANYBODY} if may_be_anybody else person.names


def _was_removed(person: Offboard) -> bool:
    earlier = person.earlier
    return person.is_out or (earlier is not None and earlier.unfinished and earlier.removed_at is not None)
