"""Which rows of the register a plan may depend on, so that the others need not be held in memory.

Whoever left long ago stays in the register for years. His row matters no more: it is due, it means no member,
nothing was begun on its account, and nothing is wrong with it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from enforcer.core.contractors import Contractor, RegisterRow, normalised, read_row
from enforcer.core.enforcement import Enforcement
from enforcer.core.members import Member, MemberIndex
from enforcer.core.midnight import DateRules


@dataclass(slots=True, kw_only=True)
class Sieve:
    """Takes rows, in any order, and keeps those that a plan may depend on.

    Attributes:
        rows: What it has kept.
    """

    rules: DateRules
    at: datetime
    people: MemberIndex
    begun: frozenset[str]
    rows: list[RegisterRow] = field(default_factory=list)
    _passed: array[int] = field(default_factory=lambda: array("q"))
    _missing: set[int] = field(default_factory=set)

    @classmethod
    def of(
        cls, members: Iterable[Member], enforcements: Iterable[Enforcement], rules: DateRules, at: datetime
    ) -> Sieve:
        """Make a sieve for plans as of `at` or later."""
        unfinished = [item for item in enforcements if item.unfinished]
        keys = {normalised(item.row_key) for item in unfinished} | {item.user_id for item in unfinished}
        return cls(rules=rules, at=at, people=MemberIndex.of(members), begun=frozenset(keys))

    def take(self, rows: Iterable[RegisterRow]) -> None:
        for row in rows:
            read = read_row(row, self.rules)
            if not isinstance(read, Contractor) or read.problem or self._concerns_somebody(read.key):
                self.rows.append(row)
            elif read.is_due(self.at):
                self._passed.append(hash(read.key))
            else:
                self.rows.append(row)
                self._missing.add(hash(read.key))

    @property
    def passed_too_many(self) -> bool:
        """Tell whether a row that was passed over may mean the same person as one that says he is missing.

        Nobody is added to the group on account of one row while another says that his time is over.
        """
        return not self._missing.isdisjoint(self._passed)

    def _concerns_somebody(self, key: str) -> bool:
        return key in self.begun or len(self.people.matches(key)) > 0
