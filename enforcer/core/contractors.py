"""Reads a row of the register as a contractor, or as the reason why it cannot be acted upon."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from enforcer.core import keys
from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import UnreadableDateError
from enforcer.core.calendar.midnight import DateRules


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRow:
    """A row as table `contractors` has it; the dates are whatever somebody wrote.

    Attributes:
        perhaps_end_date: Names of properties that were probably meant to be EndDate, where it is missing.
    """

    row_key: str
    end_date: object
    start_date: object = None
    partition_key: str = ""
    perhaps_end_date: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contractor:
    """A row that can be acted upon.

    Attributes:
        key: What identifies the person, normalised: an object ID or an address.
        end_date: The end date as the register has it.
        due_at: The instant at which access has ended.
        begins_at: The first instant of access; None if there is no start date.
        problem: What is wrong with the rest of the row; empty if nothing is.
    """

    row_key: str
    key: str
    end_date: str
    due_at: datetime
    begins_at: datetime | None = None
    problem: str = ""

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
        detail: What is wrong, with the value and what would be right.
    """

    row_key: str
    keys: tuple[str, ...]
    detail: str


type ReadRow = Contractor | InvalidRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A whole row, as people see it. Dates are as somebody wrote them.

    Attributes:
        perhaps_end_date: Names of properties that were probably meant to be EndDate, where it is missing.
    """

    group_id: str
    row_key: str
    end_date: object
    start_date: object = None
    display_name: str = ""
    company: str = ""
    sponsor: str = ""
    note: str = ""
    perhaps_end_date: tuple[str, ...] = ()

    def read(self, rules: DateRules) -> ReadRow:
        """Return the row as the enforcer reads it."""
        row = RegisterRow(
            partition_key=self.group_id,
            row_key=self.row_key,
            end_date=self.end_date,
            start_date=self.start_date,
            perhaps_end_date=self.perhaps_end_date,
        )
        return read_row(row, rules)


def read_row(row: RegisterRow, rules: DateRules) -> ReadRow:
    """Read one row. Never raises: whatever is wrong is in the result."""
    if not (key := keys.readable(row.row_key)):
        problem = f"RowKey {keys.problem(row.row_key)}"
        return InvalidRow(row_key=row.row_key, keys=keys.meanings(row.row_key), detail=problem)
    if row.partition_key != row.partition_key.lower():
        return InvalidRow(row_key=row.row_key, keys=(key,), detail=_partition_problem(row.partition_key))
    try:
        due_at = rules.ends_at(row.end_date)
    except UnreadableDateError as error:
        detail = f"EndDate {error}{_misnamed(row.perhaps_end_date)}"
        return InvalidRow(row_key=row.row_key, keys=(key,), detail=detail)
    begins_at, problem = _start(row.start_date, due_at, rules)
    return Contractor(
        row_key=row.row_key,
        key=key,
        end_date=dates.written(row.end_date),
        due_at=due_at,
        begins_at=begins_at,
        problem=problem,
    )


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
