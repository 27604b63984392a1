"""Gathers what register, offboarding records and ledger know about each end of access.

The register knows who should have left, even if nothing was done. The ledger knows what was done, even if
the register has changed since. A record knows how far the offboarding has got. One end of access is one
person and one end date in one group, however it is written: the same instant may be a day, a time of Table
Storage or a text with an offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, pairwise

from enforcer.core.calendar.dates import UnreadableDateError
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor
from enforcer.core.keys import is_object_id, normalised
from enforcer.core.ledger import Action, Entry, EntryOutcome, Link
from enforcer.core.members import MemberIndex
from enforcer.core.offboarding_record import OffboardingRecord

# Whoever had been out for less than this when an end of access came was hardly let in again meanwhile.
_SHORTLY = timedelta(days=7)
_ABOUT_A_PERSON = frozenset(
    {
        *(Action.DISABLE, Action.REMOVE, Action.REVOKE, Action.VERIFY, Action.WITHDRAW),
        *(Action.PROOF, Action.ADD, Action.ENABLE, Action.LEAVERS_ADD, Action.LEAVERS_REMOVE),
    }
)
_DATE_CHANGES = frozenset(
    {
        *(Action.REGISTER_ADD, Action.REGISTER_EXTEND, Action.REGISTER_IMPORT),
        *(Action.REGISTER_END, Action.REGISTER_REMOVE),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRecord:
    """All that is known about one managed group.

    Attributes:
        links: The group's whole chain, because an old entry may explain a new one.
        members: Who is in the group now; None if Graph could not be asked.
    """

    group_id: str
    endings: Sequence[Contractor]
    records: Sequence[OffboardingRecord] = ()
    links: Sequence[Link] = ()
    members: MemberIndex | None = None


@dataclass(slots=True, kw_only=True)
class AccessHistory:
    """What is known about one end of access.

    Attributes:
        person: The object ID if it is known, else the row's key.
        due_at: When access ended; None for a member without a row, who has no end date.
        ending: The register's row, if it still says this.
        extended_at: When the register was given another date, after this one had passed.
        goes_on: The register allows the person to be a member now, until another date.
        was_out: They were already out when this end came: record and links include those of that removal.
    """

    group_id: str
    person: str
    end_date: str
    due_at: datetime | None
    row_key: str = ""
    ending: Contractor | None = None
    record: OffboardingRecord | None = None
    links: list[Link] = field(default_factory=list)
    extended_at: datetime | None = None
    goes_on: bool = False
    is_member: bool | None = None
    was_out: bool = False

    def of(self, action: Action) -> Iterator[Link]:
        return (link for link in self.links if link.entry.action is action)


def moment(text: str) -> datetime | None:
    """Read a ledger entry's time; return None if it cannot be read."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def times(history: AccessHistory, action: Action, *outcomes: str) -> list[datetime]:
    """Return the times of the entries about an action with one of these outcomes."""
    found = [moment(link.entry.at) for link in history.of(action) if link.entry.outcome in outcomes]
    return [at for at in found if at is not None]


def access_histories(record: GroupRecord, rules: DateRules, now: datetime) -> list[AccessHistory]:
    """Return the history of every end of access that anything is known about."""
    archive = _Archive(record)
    archive.file_register()
    archive.file_enforcements()
    archive.file_extended_dates(rules)
    archive.file_entries()
    archive.look_at_the_present(now)
    archive.file_earlier_removals()
    return list(archive.histories)


class _Archive:
    def __init__(self, record: GroupRecord) -> None:
        self._record = record
        self._entries = [(link, link.entry) for link in record.links if not link.damage]
        self._names = self._known_names()
        self._rows: dict[str, list[Contractor]] = {}
        self._of_person: dict[str, list[AccessHistory]] = {}

    @property
    def histories(self) -> Iterator[AccessHistory]:
        return chain.from_iterable(self._of_person.values())

    def file_register(self) -> None:
        for ending in self._record.endings:
            person = self._person(ending.row_key)
            self._rows.setdefault(person, []).append(ending)
            history = self._history(person, ending.end_date, ending.due_at)
            history.ending, history.row_key = ending, ending.row_key

    def file_enforcements(self) -> None:
        for item in self._record.records:
            person = self._person(item.row_key, item.user_id)
            history = self._history(person, item.end_date, item.due_at)
            history.record = item
            history.row_key = history.row_key or item.row_key

    def file_extended_dates(self, rules: DateRules) -> None:
        """File end dates that passed before somebody gave the row another one through the enforcer."""
        changes: dict[str, list[Entry]] = {}
        for _, entry in self._entries:
            if entry.action in _DATE_CHANGES:
                changes.setdefault(self._person(entry.row_key, entry.user), []).append(entry)
        for person, entries in changes.items():
            for before, after in pairwise(entries):
                due_at, changed_at = _due_at(before.end_date, rules), moment(after.at)
                moved = due_at != _due_at(after.end_date, rules)
                if due_at and changed_at and due_at <= changed_at and moved:
                    history = self._history(person, before.end_date, due_at)
                    history.extended_at = changed_at
                    history.row_key = history.row_key or before.row_key

    def file_entries(self) -> None:
        for link, entry in self._entries:
            if entry.action in _ABOUT_A_PERSON:
                history = self._history_of(entry)
                if history is not None:
                    history.links.append(link)
                    history.row_key = history.row_key or entry.row_key

    def look_at_the_present(self, now: datetime) -> None:
        """Note in each history what register and member list say now."""
        members = self._record.members
        for history in self.histories:
            rows = self._rows.get(history.person, [])
            history.goes_on = any(row.due_at > now for row in rows)
            if members is not None:
                keys = {history.person, normalised(history.row_key)}
                history.is_member = any(members.matches(key) for key in keys)

    def file_earlier_removals(self) -> None:
        """Add to each end of access that came to nobody the removal from shortly before."""
        found = [(history, self._earlier_removal(history)) for history in self.histories if _is_moot(history)]
        removals = [(history, list(left.links), left.record) for history, left in found if left]
        for history, links, record in removals:
            history.links, history.record = links + history.links, record
            history.was_out = True

    def _earlier_removal(self, history: AccessHistory) -> AccessHistory | None:
        """Return the history in which the person left, if nothing on record has let them in since."""
        others = self._of_person[history.person]
        added = max(
            (at for other in others for at in times(other, Action.ADD, EntryOutcome.ADDED)), default=None
        )
        left = [
            (at, other)
            for other in others
            for at in times(other, Action.REMOVE, EntryOutcome.REMOVED, EntryOutcome.ALREADY_ABSENT)
            if _is_shortly_before(history.due_at, at) and (added is None or added < at)
        ]
        return max(left, key=lambda pair: pair[0])[1] if left else None

    def _history_of(self, entry: Entry) -> AccessHistory | None:
        """Return what an entry is about: if it has no date, the person's latest end before it."""
        person, at = self._person(entry.row_key, entry.user), moment(entry.at)
        if entry.end_date:
            return self._history(person, entry.end_date, moment(entry.due_at))
        known = [
            (found.due_at, found)
            for found in self._of_person.get(person, [])
            if found.due_at is not None and at is not None and found.due_at <= at
        ]
        if known:
            return max(known, key=lambda pair: pair[0])[1]
        if entry.action in (Action.ADD, Action.ENABLE, Action.LEAVERS_REMOVE):
            return None  # somebody's first day
        return self._history(person, "", None)

    def _history(self, person: str, end_date: str, due_at: datetime | None) -> AccessHistory:
        known = self._of_person.setdefault(person, [])
        as_written = (item for item in known if item.end_date == end_date)
        at_that_time = (item for item in known if due_at is not None and item.due_at == due_at)
        found = next(chain(as_written, at_that_time), None)
        if found is None:
            group_id = self._record.group_id
            found = AccessHistory(group_id=group_id, person=person, end_date=end_date, due_at=due_at)
            known.append(found)
        found.due_at = found.due_at or due_at
        return found

    def _person(self, row_key: str, user_id: str = "") -> str:
        key = normalised(row_key)
        if is_object_id(user_id):
            return user_id.lower()
        return self._names.get(key, key)

    def _known_names(self) -> dict[str, str]:
        """Return whom a row's key means, for where register and ledger use different names."""
        pairs: list[tuple[str, str]] = [(entry.row_key, entry.user) for _, entry in self._entries]
        pairs += [(item.row_key, item.user_id) for item in self._record.records]
        names = {normalised(key): user.lower() for key, user in pairs if key and is_object_id(user)}
        for ending in self._record.endings:
            key = normalised(ending.row_key)
            matches = self._record.members.matches(key) if self._record.members is not None else ()
            if len(matches) == 1:
                names[key] = matches[0].id
        return names


def _is_moot(history: AccessHistory) -> bool:
    """Whether nobody was left to remove: the person is not a member, and no removal is on record."""
    removed = any(history.of(Action.REMOVE)) or history.record is not None
    return history.is_member is False and not removed


def _is_shortly_before(due_at: datetime | None, at: datetime) -> bool:
    return due_at is not None and timedelta(0) <= due_at - at <= _SHORTLY


def _due_at(end_date: str, rules: DateRules) -> datetime | None:
    try:
        return rules.ends_at(end_date)
    except UnreadableDateError:
        return None


def in_order(found: Iterable[AccessHistory]) -> list[AccessHistory]:
    """Return the histories in an order that does not depend on how they were read."""
    return sorted(found, key=lambda item: (str(item.due_at or ""), item.group_id, item.person, item.end_date))
