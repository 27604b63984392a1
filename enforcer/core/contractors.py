"""Reads a row of the register as a contractor, or as the reason why it cannot be acted upon."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from enforcer.core import keys
from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import UnreadableDateError
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.keys import is_address


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRow:
    """A row of table `contractors` as somebody wrote it, or wants it to be written.

    Attributes:
        group_id: The PartitionKey, as written; empty in a request for the only managed group.
        row_key: The RowKey, as written; in a request, any name of the person.
        end_date, start_date: Whatever somebody wrote.
        display_name, company, sponsor, note: For people; a sweep does not read them.
        perhaps_end_date: Names of properties that were probably meant to be EndDate, where it is missing.
    """

    group_id: str = ""
    row_key: str
    end_date: object
    start_date: object = None
    display_name: str = ""
    company: str = ""
    sponsor: str = ""
    note: str = ""
    perhaps_end_date: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call the contractor, as far as the register knows."""
        return self.display_name.strip() or self.row_key

    @property
    def address(self) -> str:
        """The sponsor's mail address in lower case; empty if there is none."""
        sponsor = self.sponsor.strip().lower()
        return sponsor if is_address(sponsor) else ""

    def may_be_told(self, domains: Collection[str]) -> bool:
        """Whether the sponsor has an address in one of these mail domains."""
        return bool(self.address) and self.address.rpartition("@")[2] in domains


@dataclass(frozen=True, slots=True, kw_only=True)
class Contractor:
    """A row that can be acted upon.

    Attributes:
        key: What identifies the person, normalised: an object ID or an address.
        due_at: The instant at which access has ended.
        begins_at: The first instant of access; None if there is no start date.
        problem: What is wrong with the rest of the row; empty if nothing is.
    """

    written: RegisterRow
    key: str
    due_at: datetime
    begins_at: datetime | None = None
    problem: str = ""

    @property
    def row_key(self) -> str:
        return self.written.row_key

    @property
    def end_date(self) -> str:
        """The end date as the register has it."""
        return dates.written(self.written.end_date)

    @property
    def keys(self) -> tuple[str, ...]:
        """Whom the row means, as in `InvalidRow.keys`."""
        return (self.key,)

    def is_due(self, now: datetime) -> bool:
        return now >= self.due_at

    def has_begun(self, now: datetime) -> bool:
        return self.begins_at is None or now >= self.begins_at


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidRow:
    """A row that is never acted upon.

    Attributes:
        keys: Whom the row may mean, so that they are left alone (see `keys.meanings`).
        problem: What is wrong, with the value and what would be right.
    """

    written: RegisterRow
    keys: tuple[str, ...]
    problem: str
    due_at: ClassVar[None] = None

    @property
    def row_key(self) -> str:
        return self.written.row_key


type ReadRow = Contractor | InvalidRow


def read_row(row: RegisterRow, rules: DateRules) -> ReadRow:
    """Read one row. Never raises: whatever is wrong is in the result."""
    if not (key := keys.readable(row.row_key)):
        problem = f"RowKey {keys.problem(row.row_key)}"
        return InvalidRow(written=row, keys=keys.meanings(row.row_key), problem=problem)
    if row.group_id != row.group_id.lower():
        return InvalidRow(written=row, keys=(key,), problem=_partition_problem(row.group_id))
    try:
        due_at = rules.ends_at(row.end_date)
    except UnreadableDateError as error:
        problem = f"EndDate {error}{_misnamed(row.perhaps_end_date)}"
        return InvalidRow(written=row, keys=(key,), problem=problem)
    begins_at, problem = _start(row.start_date, due_at, rules)
    return Contractor(written=row, key=key, due_at=due_at, begins_at=begins_at, problem=problem)


def read_rows(rows: Iterable[RegisterRow], rules: DateRules) -> Iterable[ReadRow]:
    """Read rows one by one, so that a large register is never in memory as a whole."""
    return (read_row(row, rules) for row in rows)


def _start(value: object, due_at: datetime, rules: DateRules) -> tuple[datetime | None, str]:
    if value is None or value == "":
        return None, ""
    try:
        begins_at = rules.begins_at(value)
    except UnreadableDateError as error:
        # Unknown does not mean begun: nobody gets in on a date that cannot be read.
        return due_at, f"StartDate {error}"
    if begins_at >= due_at:
        return begins_at, f"StartDate {dates.written(value)} is not before the end of access"
    return begins_at, ""


def _misnamed(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    return f". The row has {', '.join(map(repr, names)):.120}: if that is meant, write it as 'EndDate'"


def _partition_problem(partition_key: str) -> str:
    return f"PartitionKey is {partition_key!r:.80}; it must be the group's object ID in lower case"
