"""The last look at a person's rows before anything is done to him: has anything changed in his favour?"""

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
        withdraws: His access has not ended after all, as far as anybody can tell; else what was begun is
            still to be brought to its end.
    """

    reason: str
    withdraws: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """What the register says when a person's turn has come.

    Attributes:
        own: The row that the plan went by, or one that has his object ID for its key where there was none.
        others: Other rows that mean him, or may (see `names`), and were written since the plan was begun.
    """

    own: RegisterRow | None
    others: Iterable[RegisterRow]
    rules: DateRules
    now: datetime

    def skip_reason(self, person: Offboard) -> SkipReason | None:
        """Find a reason to leave him alone.

        Who is out already is not let in again by rows that vanish: only one that says that his access goes on
        takes back what was begun.
        """
        return self._by_own_row(person) or self._by_another_row(person)

    def _by_own_row(self, person: Offboard) -> SkipReason | None:
        if self.own is None:
            stays = person.row_key is not None and not _was_removed(person)
            return SkipReason(reason="his row has gone from the register") if stays else None
        row = read_row(self.own, self.rules)
        if isinstance(row, InvalidRow):
            return SkipReason(reason="his row cannot be read any more", withdraws=not _was_removed(person))
        return None if row.is_due(self.now) else SkipReason(reason="his end date was put off")

    def _by_another_row(self, person: Offboard) -> SkipReason | None:
        reason = "another row means him since the plan was made"
        rows = [read_row(row, self.rules) for row in self.others]
        running = [row for row in rows if isinstance(row, Contractor) and not row.is_due(self.now)]
        if not _was_removed(person):
            return SkipReason(reason=reason) if rows else None
        unreadable = [row for row in rows if isinstance(row, InvalidRow)]
        return SkipReason(reason=reason, withdraws=bool(running)) if running or unreadable else None


def names(person: Offboard) -> frozenset[str]:
    """Return the keys, normalised, of rows that mean him; whoever has no row may be meant by the nameless."""
    may_be_anybody = person.row_key is None and not person.authorised
    return person.names | {ANYBODY} if may_be_anybody else person.names


def _was_removed(person: Offboard) -> bool:
    earlier = person.earlier
    return person.is_out or (earlier is not None and earlier.unfinished and earlier.removed_at is not None)
