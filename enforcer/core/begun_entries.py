"""The ledger's entries that list whom a run begins with: written before the first step, read by the brake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from enforcer.core.brake import Batch, Way, Window
from enforcer.core.calendar.dates import instant
from enforcer.core.ledger import LONGEST_LIST, Action, Entry, Link, link_hash

_OUTCOME = re.compile(
    r"(offboard|onboard): [0-9]+ of ([0-9]+) members"
    r"(?:; approved plan ([0-9a-f]{64})(?: by entry ([0-9]+))?)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """People with whom a run begins.

    Attributes:
        people: Object IDs; for additions the keys of rows.
        members: How many members the group has; 0 if nobody knows.
        approved: The digest of the approved plan that releases them, so that they do not count.
        approval: The ledger's entry of that approval, in the plan's group; a later one may be used again.
    """

    way: Way
    group_id: str
    run_id: str
    actor: str
    people: Sequence[str]
    members: int
    at: datetime
    approved: str = ""
    approval: int = 0

    def entries(self) -> list[Entry]:
        """Return one entry, or several of as many people as one can hold."""
        approved = f"; approved plan {self.approved} by entry {self.approval}" if self.approved else ""
        return [
            Entry(
                at=instant(self.at),
                actor=self.actor,
                action=Action.BEGIN,
                group=self.group_id,
                run=self.run_id,
                outcome=f"{self.way}: {len(people)} of {self.members} members{approved}",
                note="\n".join(people),
            )
            for people in _in_lists(self.people)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunEntry:
    """What such an entry says."""

    way: Way
    people: frozenset[str]
    members: int
    at: datetime
    approved: str
    approval: int = 0
    run_id: str
    sequence: int

    @property
    def batch(self) -> Batch:
        """What it adds to the brake's count; whom an approval released does not count."""
        people = 0 if self.approved else len(self.people)
        return Batch(way=self.way, at=self.at, people=people, members=self.members, sequence=self.sequence)


def read_begun(link: Link) -> BegunEntry | None:
    """Read an entry; None if it is another one, or was changed after it was written."""
    entry = link.entry
    said, at = _OUTCOME.fullmatch(entry.outcome), _moment(entry.at)
    is_whole = not link.damage and link.hash == link_hash(link)
    if entry.action is not Action.BEGIN or said is None or at is None or not is_whole:
        return None
    return BegunEntry(
        way=Way(said[1]),
        people=frozenset(entry.note.split("\n")),
        members=int(said[2]),
        at=at,
        approved=said[3] or "",
        approval=int(said[4] or 0),
        run_id=entry.run,
        sequence=link.sequence,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What the ledger says about whom the brake has let through.

    Attributes:
        window: How many they were.
        entries: Those that list them, by their sequence: all of the window's, and those that records name.
        pending: The newest entry that names somebody, where no later one says that it was carried out.
    """

    window: Window = field(default_factory=Window)
    entries: Mapping[int, BegunEntry] = field(default_factory=dict)
    pending: Mapping[tuple[Way, str], int] = field(default_factory=dict)

    def names(self, way: Way, person: str, sequence: int) -> bool:
        """Whether this entry names them: what a record says is not believed without one."""
        entry = self.entries.get(sequence)
        return entry is not None and entry.way is way and person in entry.people

    def left_over(self, way: Way, person: str, on_record: int = 0) -> int:
        """Return the entry of somebody who was let through, if the run died before it wrote their record.

        Args:
            way: What was to be done to them.
            person: The object ID, or for additions the row's key.
            on_record: The entry that their record names; 0 without one.
        """
        sequence = self.pending.get((way, person), 0)
        return sequence if sequence > on_record else 0

    def approvals_under_way(self) -> dict[str, str]:
        """Return the digests of approved plans that have people pending, and the runs that began."""
        named = (self.entries[sequence] for sequence in sorted({*self.pending.values()}))
        return {entry.approved: entry.run_id for entry in named if entry.approved}

    def has_used(self, digest: str, approval: int) -> bool:
        """Whether a run has begun with the people of this plan, by this approval (the ledger's entry)."""
        return any((entry.approved, entry.approval) == (digest, approval) for entry in self.entries.values())


def follow(window: Window, links: Iterable[Link], named: Iterable[Link] = ()) -> Begun:
    """Read what the ledger says.

    Args:
        window: As the head has it.
        links: The entries since its first one, in their order.
        named: Older ones that records name.
    """
    entries = {entry.sequence: entry for link in named if (entry := read_begun(link))}
    pending: dict[tuple[Way, str], int] = {}
    for link in links:
        if entry := read_begun(link):
            entries[entry.sequence] = entry
            pending |= {(entry.way, person): entry.sequence for person in entry.people}
        elif done := _carried_out(link.entry):
            pending.pop(done, None)
    return Begun(window=window, entries=entries, pending=pending)


def window_of(entries: Iterable[BegunEntry]) -> Window:
    """Return the brake's window, recreated from the ledger."""
    window = Window()
    for entry in entries:
        window = window.adding(entry.batch)
    return window


def why_misremembered(window: Window | None, links: Iterable[Link]) -> str:
    """Return how the head's window differs from the entries; empty if it does not, or there is none.

    Whoever empties it lets sweeps begin with more people than the brake allows. One that is missing or cannot
    be read is recreated from the entries.

    Args:
        window: As the head has it.
        links: The entries up to the one that this head names.
    """
    told = window_of(entry for link in links if (entry := read_begun(link)))
    if window is None or window == told:
        return ""
    return (
        f"the head says that the brake let through {window.people} people, in {len(window.batches)} batches,"
        f" but the entries say {told.people}, in {len(told.batches)}"
    )


def _carried_out(entry: Entry) -> tuple[Way, str] | None:
    """Return who was removed, let off or added by an entry; None if nobody was."""
    if entry.outcome.startswith("failed"):
        return None
    match entry.action:
        case Action.REMOVE | Action.WITHDRAW:
            return Way.OFFBOARD, entry.user
        case Action.ADD:
            return Way.ONBOARD, entry.row_key
        case _:
            return None


def _in_lists(people: Sequence[str]) -> Iterator[list[str]]:
    listed: list[str] = []
    room = LONGEST_LIST
    for person in people:
        size = len(person.encode("utf-16-le")) // 2 + 1
        if size > room:
            yield listed
            listed, room = [], LONGEST_LIST
        listed.append(person)
        room -= size
    if listed:
        yield listed


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
