"""What an import would do, before it does it: who is new, whose end moves, who would go tonight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import UnreadableDateError
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import RegisterRow

_TEXTS = ("display_name", "company", "sponsor", "note")
_MOST_NAMES = 10


class Kind(StrEnum):
    """What a line would do to the register."""

    NEW = "new"
    EXTENDED = "extended"
    SHORTENED = "shortened"
    CHANGED = "changed"
    """The end stays, or could not be read before; something else is different."""
    UNCHANGED = "unchanged"
    """Nothing would be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one line does.

    Attributes:
        line: Its number in the file.
        row: The row as it would be written.
        before: The row as it is; None if there is none.
        typed: The person's name as the line has it.
        person: The object ID of the person in Entra; empty if Entra does not know them, or was not asked
            because nothing is written.
        member: Whether the person is a member of the managed group.
        keys: Everything that names the person: by these the planner and the rule of four eyes know them.
        has_ended: Whether the line begins, or ends, running access at an instant that has passed.
    """

    line: int
    kind: Kind
    row: RegisterRow
    before: RegisterRow | None
    typed: str = ""
    person: str = ""
    member: bool = False
    keys: frozenset[str] = frozenset()
    has_ended: bool = False

    @property
    def writes(self) -> bool:
        return self.kind is not Kind.UNCHANGED

    @property
    def is_unknown(self) -> bool:
        """Whether Entra does not know whom a line would write."""
        return self.writes and not self.person

    @property
    def name(self) -> str:
        """What people call the contractor."""
        before = self.before.display_name if self.before else ""
        return self.row.display_name.strip() or before.strip() or self.row.row_key

    @property
    def told(self) -> str:
        """The line in words."""
        was = f" (was {dates.written(self.before.end_date)})" if self.before and self.before.end_date else ""
        end = dates.written(self.row.end_date)
        moved = was if self.kind in (Kind.EXTENDED, Kind.SHORTENED) else ""
        return f"line {self.line}: {self.name}, {self.kind}: ends {end}{moved}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tonight:
    """What the next nightly run would do because of an import.

    Attributes:
        leavers: The object IDs of people who would be offboarded only because of it.
        held: Whether the brake would hold the plan.
        enforced: Whether a run changes anything in Entra, as ENFORCER_MODE says.
    """

    leavers: frozenset[str] = frozenset()
    held: bool = False
    enforced: bool = True

    @property
    def told(self) -> str:
        """The consequence in words; empty if there is none."""
        if not self.leavers:
            return ""
        count = len(self.leavers)
        people = "1 person" if count == 1 else f"{count} people"
        if not self.enforced:
            return f"{people} would be due tonight; in mode report nobody goes"
        return f"{people} would go tonight; the brake would {'hold' if self.held else 'not hold'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """All lines of a file, and what follows from them."""

    changes: tuple[Change, ...]
    tonight: Tonight = Tonight()

    @property
    def written(self) -> list[Change]:
        """The lines that would write something."""
        return [change for change in self.changes if change.writes]

    @property
    def ended(self) -> list[Change]:
        """The lines that would be written although access has ended by then."""
        return [change for change in self.changes if change.has_ended]

    @property
    def unknown(self) -> list[Change]:
        return [change for change in self.changes if change.is_unknown]

    @property
    def outsiders(self) -> list[Change]:
        """The lines that would be written about people whom Entra knows, and who are not members."""
        return [change for change in self.written if change.person and not change.member]

    @property
    def counts(self) -> dict[str, int]:
        """How many lines there are of each kind; `ended`, `unknown` and `not_members` are parts of them."""
        kinds = Counter(change.kind for change in self.changes)
        return {
            **{kind.value: kinds[kind] for kind in Kind},
            "ended": len(self.ended),
            "unknown": len(self.unknown),
            "not_members": len(self.outsiders),
        }

    @property
    def summary(self) -> str:
        """The whole in one line."""
        counts = self.counts
        parts = [f"{counts[kind]} {kind}" for kind in (Kind.NEW, Kind.EXTENDED, Kind.SHORTENED)]
        if counts[Kind.CHANGED]:
            parts.append(f"{counts[Kind.CHANGED]} changed otherwise")
        if told := self.tonight.told:
            parts[-1] += f" ({told})"
        parts.append(f"{counts[Kind.UNCHANGED]} unchanged (not written)")
        besides = (
            (counts["ended"], "already ended"),
            (counts["unknown"], "unknown to Entra"),
            (counts["not_members"], "not members" if counts["not_members"] != 1 else "not a member"),
        )
        return ", ".join([*parts, *(f"{count} {what}" for count, what in besides if count)])

    @property
    def digest(self) -> str:
        """Identifies exactly these changes, so that people confirm what they saw."""
        seen = [(str(item.kind), item.has_ended, _values(item.row), item.person) for item in self.written]
        return sha256(repr((seen, sorted(self.tonight.leavers), self.tonight.held)).encode()).hexdigest()


def judged(
    line: int, wanted: RegisterRow, before: RegisterRow | None, rules: DateRules, now: datetime
) -> Change:
    """Return what a line does to a row. What it does not say stays, and what is equal is not written.

    Args:
        line: Its number.
        wanted: The row that it asks for, under the key that it would be written under.
        before: The row as it is; None if there is none.
        rules: How dates are read.
        now: The current time.
    """
    due_at = rules.ends_at(wanted.end_date)
    if before is None:
        return Change(line=line, kind=Kind.NEW, row=wanted, before=None, has_ended=due_at <= now)
    ended_at = _read(rules.ends_at, before.end_date)
    if ended_at == due_at:
        row = replace(wanted, end_date=before.end_date)
        same = _same_start(wanted, before, rules) and _same_texts(wanted, before)
        return Change(line=line, kind=Kind.UNCHANGED if same else Kind.CHANGED, row=row, before=before)
    kind = Kind.CHANGED
    running = ended_at is None or ended_at > now
    if ended_at is not None:
        kind = Kind.EXTENDED if due_at > ended_at else Kind.SHORTENED
    return Change(line=line, kind=kind, row=wanted, before=before, has_ended=running and due_at <= now)


def names_of(changes: Sequence[Change]) -> str:
    """Return the names of the people in some changes, shortened where there are many."""
    names = ", ".join(change.name for change in changes[:_MOST_NAMES])
    rest = len(changes) - _MOST_NAMES
    return f"{names} and {rest} more" if rest > 0 else names


def _same_start(wanted: RegisterRow, before: RegisterRow, rules: DateRules) -> bool:
    if not wanted.start_date:
        return True
    return _read(rules.begins_at, before.start_date) == rules.begins_at(wanted.start_date)


def _same_texts(wanted: RegisterRow, before: RegisterRow) -> bool:
    pairs: Iterable[tuple[str, str]] = ((getattr(wanted, name), getattr(before, name)) for name in _TEXTS)
    return all(not new or new == old.strip() for new, old in pairs)


def _read(read: Callable[[object], datetime], value: object) -> datetime | None:
    try:
        return read(value)
    except UnreadableDateError:
        return None


def _values(row: RegisterRow) -> tuple[str, ...]:
    texts = (getattr(row, name) for name in _TEXTS)
    return (row.group_id, row.row_key, str(row.end_date), str(row.start_date or ""), *texts)
