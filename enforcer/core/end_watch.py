"""Which ends were moved since the last night: rows are written directly, by design, and by anybody who may.

Of each row, a night keeps a hash of its key and its end: 16 bytes, so that a register of 100,000 rows costs
one or two reads and writes.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from enforcer.core.calendar.dates import instant
from enforcer.core.contractors import Contractor
from enforcer.core.keys import normalised
from enforcer.core.ledger import Entry
from enforcer.core.plan import Finding, FindingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEnds:
    """The ends that a night saw.

    Attributes:
        at: When.
        sequence: The ledger's newest entry then.
        keys: A hash of each row's key, in ascending order.
        ends: The end of access of each, in seconds since 1970.
    """

    at: datetime
    sequence: int
    keys: array[int]
    ends: array[int]

    def end_of(self, hashed: int) -> int | None:
        place = bisect_left(self.keys, hashed)
        found = place < len(self.keys) and self.keys[place] == hashed
        return self.ends[place] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedEnd:
    """A row that is due only because its end was brought forward."""

    row: Contractor
    before: datetime


@dataclass(slots=True)
class EndWatch:
    """Compares the ends of a register with those that the last night saw.

    Attributes:
        last: What it saw; None before the first one.
        at: The instant for which is planned (UTC).
        sequence: The ledger's newest entry before the first row was read.
        moved: How many ends are another than then.
        forward: The rows that are due because of that.
    """

    last: SeenEnds | None
    at: datetime
    sequence: int = 0
    moved: int = 0
    forward: list[MovedEnd] = field(default_factory=list)
    _keys: array[int] = field(default_factory=lambda: array("Q"))
    _ends: array[int] = field(default_factory=lambda: array("q"))

    def take(self, row: Contractor) -> None:
        hashed, end = _hashed(row.key), int(row.due_at.timestamp())
        self._keys.append(hashed)
        self._ends.append(end)
        before = None if self.last is None else self.last.end_of(hashed)
        if self.last is None or before is None or before == end:
            return
        self.moved += 1
        if row.is_due(self.at) and before > self.at.timestamp():
            self.forward.append(MovedEnd(row=row, before=datetime.fromtimestamp(before, UTC)))

    def seen(self) -> SeenEnds:
        """Return what this night saw, for the next to compare with."""
        order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        return SeenEnds(
            at=self.at,
            sequence=self.sequence,
            keys=array("Q", (self._keys[place] for place in order)),
            ends=array("q", (self._ends[place] for place in order)),
        )


def unexplained(moved: Iterable[MovedEnd], entries: Collection[Entry]) -> list[MovedEnd]:
    """Return the rows that nobody changed through the enforcer, which leaves an entry in the ledger."""
    told = {name for entry in entries for name in (normalised(entry.row_key), entry.user)}
    return [one for one in moved if one.row.key not in told]


def moved_finding(moved: MovedEnd, user_id: str | None) -> Finding:
    """Report that somebody is due because their row was changed past the enforcer."""
    row = moved.row
    detail = (
        f"is due because the end was brought forward since the last night, from {instant(moved.before)} to"
        f" {row.end_date}, and not through the enforcer: ask whoever writes the register"
    )
    return Finding(kind=FindingKind.END_MOVED, row_key=row.row_key, user_id=user_id, detail=detail)


def _hashed(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest())
