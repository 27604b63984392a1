"""Which rows of the register a plan may depend on, so that the others need not be kept in memory.

People who left long ago stay in the register for years. Their rows no longer matter: they are due, mean no
member, belong to no offboarding that was begun, and have nothing wrong with them. One exception: if nothing
is on record under a row's address while some members have no row, it may have been meant for one of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor, RegisterRow, read_row
from enforcer.core.end_watch import EndWatch
from enforcer.core.keys import is_object_id, normalised
from enforcer.core.members import Member, MemberIndex
from enforcer.core.offboarding_record import OffboardingRecord


@dataclass(slots=True, kw_only=True)
class RelevantRows:
    """Takes rows in any order, and keeps those that a plan may depend on.

    Attributes:
        begun: Keys of people whose offboarding was begun.
        recorded: Keys under which anything is on record.
        ends: Sees the end of every row.
    """

    rules: DateRules
    at: datetime
    people: MemberIndex
    begun: frozenset[str]
    recorded: frozenset[str]
    ends: EndWatch
    _kept: list[RegisterRow] = field(default_factory=list)
    _unmatched: list[RegisterRow] = field(default_factory=list)
    _have_rows: set[str] = field(default_factory=set)
    _passed: array[int] = field(default_factory=lambda: array("q"))
    _missing: set[int] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        members: Iterable[Member],
        records: Iterable[OffboardingRecord],
        rules: DateRules,
        at: datetime,
        ends: EndWatch | None = None,
    ) -> RelevantRows:
        """Prepare for plans as of `at` or later."""
        known = list(records)
        unfinished = [item for item in known if item.unfinished]
        keys = {normalised(item.row_key) for item in unfinished} | {item.user_id for item in unfinished}
        recorded = frozenset(normalised(item.row_key) for item in known)
        return cls(
            rules=rules,
            at=at,
            people=MemberIndex.of(members),
            begun=frozenset(keys),
            recorded=recorded,
            ends=ends or EndWatch(None, at),
        )

    def take(self, rows: Iterable[RegisterRow]) -> None:
        for row in rows:
            read = read_row(row, self.rules)
            if isinstance(read, Contractor):
                self.ends.take(read)
            means = [member for key in read.keys for member in self.people.matches(key)]
            self._have_rows.update(member.id for member in means)
            if not isinstance(read, Contractor) or read.problem or means or read.key in self.begun:
                self._kept.append(row)
            elif read.is_due(self.at):
                self._passed.append(hash(read.key))
                if not is_object_id(read.key) and read.key not in self.recorded:
                    self._unmatched.append(row)
            else:
                self._kept.append(row)
                self._missing.add(hash(read.key))

    @property
    def rows(self) -> list[RegisterRow]:
        """The rows kept."""
        everybody_has_one = all(member.id in self._have_rows for member in self.people if member.is_user)
        return self._kept if everybody_has_one else self._kept + self._unmatched

    @property
    def passed_too_many(self) -> bool:
        """Whether a row that was dropped may mean the same person as one that says they are missing.

        Nobody is added to the group because of one row while another says that their time is over.
        """
        return not self._missing.isdisjoint(self._passed)
