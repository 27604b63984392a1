"""The ledger's entries and the chain that binds them: each entry's hash covers the one before it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

import msgspec

GENESIS = "0" * 64
# Table Storage: 32 Ki characters in a property, 4 MiB in a transaction of a hundred entries.
_LONGEST_TEXT = 2_000
LONGEST_LIST = 30_000
"""How many characters the list of people may have in an entry."""


class Action(StrEnum):
    DISABLE = "disable"
    REMOVE = "remove"
    REVOKE = "revoke"
    LEAVERS_ADD = "leavers_add"
    LEAVERS_REMOVE = "leavers_remove"
    ADD = "add"
    ENABLE = "enable"
    VERIFY = "verify"
    WITHDRAW = "withdraw"
    PROOF = "proof"
    BEGIN = "begin"
    """Names everybody with whom a run begins, before the first step; the brake counts by it."""
    HOLD = "hold"
    APPROVE = "approve"
    REGISTER_ADD = "register_add"
    REGISTER_EXTEND = "register_extend"
    REGISTER_END = "register_end"
    REGISTER_REMOVE = "register_remove"
    REGISTER_IMPORT = "register_import"
    RESUME = "resume"
    """The head did not fit the entries; the chain continues after the last entry found."""
    UNREADABLE = "unreadable"
    """Never written: what is read where somebody has replaced an action."""


class EntryOutcome(StrEnum):
    """An entry's `outcome` if the action was completed; undo and evidence rely on it.

    For sign-in sessions, the outcome is one of `Sessions`.
    """

    REMOVED = "removed"
    DISABLED = "disabled"
    ALREADY_ABSENT = "already_absent"
    VERIFIED = "verified"
    ADDED = "added"
    ALREADY_A_MEMBER = "already a member"
    UNDONE = "undone"
    WRITTEN = "written"
    ENDED = "ended"


def failure(explanation: str) -> str:
    """Return the `outcome` of an action that failed."""
    return f"failed: {explanation}"


def undo_note(run_id: str) -> str:
    """Return the `note` by which a later undo knows what has already been undone of a run."""
    return f"undo of run {run_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One action. Times are ISO 8601 in UTC; what does not apply is empty.

    Attributes:
        actor: Who acted: `user:` or `app:` and the object ID; `timer` for the night.
        actor_name: What the actor is called, for people.
        user: The contractor's object ID, or their row's key if Entra does not know them.
        outcome: One of `EntryOutcome`, or for a failure what Graph said.
        request_id: Identifies the call to Microsoft's support.
        note: The reason that a person gave.
    """

    at: str
    actor: str
    action: Action
    group: str
    user: str = ""
    row_key: str = ""
    run: str = ""
    end_date: str = ""
    due_at: str = ""
    outcome: str = ""
    request_id: str = ""
    note: str = ""
    actor_name: str = ""

    def storable(self) -> Entry:
        """Return the entry as a table can hold it: long texts cut, lone surrogates replaced."""
        longest = {"note": LONGEST_LIST} if self.action is Action.BEGIN else {}
        texts = {
            name: _storable(getattr(self, name), longest.get(name, _LONGEST_TEXT))
            for name in self.__slots__
            if name != "action"
        }
        return Entry(action=self.action, **texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry in its place in the chain.

    Attributes:
        writer: Which process wrote it, so that no writer takes another's entry for its own.
        damage: What is wrong with the stored row apart from its contents; empty if nothing is.
    """

    sequence: int
    entry: Entry
    previous: str
    hash: str
    writer: str = ""
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of a group's chain."""

    sequence: int = 0
    hash: str = GENESIS

    def extended(self, entries: list[Entry], writer: str = "") -> list[Link]:
        """Return the entries as links that follow this head."""
        links: list[Link] = []
        head = self
        for entry in entries:
            link = linked(head, entry, writer)
            links.append(link)
            head = Head(link.sequence, link.hash)
        return links


def linked(head: Head, entry: Entry, writer: str = "") -> Link:
    """Chain one entry to the head."""
    link = Link(sequence=head.sequence + 1, entry=entry, previous=head.hash, hash="", writer=writer)
    return replace(link, hash=link_hash(link))


def link_hash(link: Link) -> str:
    """Return the SHA-256 (hex) of the link's place, its predecessor's hash, its writer and its entry."""
    entry = msgspec.to_builtins(link.entry)
    # Entries of earlier versions have no such field, and their hashes still hold.
    if not link.entry.actor_name:
        del entry["actor_name"]
    fields = [link.sequence, link.previous, link.writer, entry]
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A head recorded elsewhere, out of reach of whoever rewrites the whole chain.

    Attributes:
        source: Where it was recorded, for people.
    """

    sequence: int
    hash: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMark:
    """What the record of a run says about its group's ledger.

    Attributes:
        acted: The run removed somebody, of which there is an entry.
        anchor: The ledger's end after the run; None if the record does not name it.
    """

    run_id: str
    acted: bool
    anchor: Anchor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first entry at which a chain is broken."""

    group: str
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedChain:
    """A group's chain after it was recomputed.

    Attributes:
        sequence, hash: Its head, to be recorded so that a later check can compare with it.
        anchors: How many earlier heads, recorded elsewhere, it was compared with.
        broken: The first entry that does not fit; None if all do.
        problem: Why the chain proves nothing, although every entry fits; empty if it does prove something.
    """

    group_id: str
    sequence: int
    hash: str
    anchors: int
    broken: Break | None
    problem: str = ""

    @property
    def is_sound(self) -> bool:
        return self.broken is None and not self.problem


def why_unproven(runs: Iterable[RunMark], named: Collection[str], entries: int, anchors: int) -> str:
    """Return why a chain of which every entry fits proves nothing; empty if it does prove something.

    Args:
        runs: What the group's runs say.
        named: The IDs of the runs that entries name.
        entries: How many entries there are.
        anchors: With how many heads recorded elsewhere the chain was compared.
    """
    without = [run.run_id for run in runs if run.acted and run.run_id not in named]
    if without:
        return f"no entry tells what run {without[0]} did ({len(without)} such runs)"
    if entries and not anchors:
        return "nothing recorded elsewhere confirms it: it may have been rewritten or cut off"
    return ""


async def first_break(
    group: str,
    links: AsyncIterable[Link],
    head: Callable[[], Awaitable[Head]],
    anchors: Iterable[Anchor] = (),
) -> Break | None:
    """Recompute a group's chain from beginning to head; return None if everything fits.

    Args:
        group: The group's object ID.
        links: The chain as it is stored.
        head: Reads the head. Called before and after, because somebody may be writing meanwhile.
        anchors: Heads of earlier days.
    """
    before = await head()
    known = Anchor(sequence=before.sequence, hash=before.hash, source="the head")
    walk = _Walk(group, sorted([known, *anchors], key=lambda anchor: anchor.sequence))
    async for link in links:
        if (found := walk.step(link)) is not None:
            return found
    return walk.end(await head())


@dataclass(slots=True)
class _Walk:
    """Walks along a chain; `anchors` are those still ahead."""

    group: str
    anchors: list[Anchor]
    last: Head = field(default_factory=Head)

    def step(self, link: Link) -> Break | None:
        found = self._misfit(link)
        if found is not None:
            return found
        self.last = Head(link.sequence, link.hash)
        while self.anchors and self.anchors[0].sequence <= link.sequence:
            anchor = self.anchors.pop(0)
            if anchor.sequence == link.sequence and anchor.hash != link.hash:
                return self._break(link.sequence, f"is not the entry that {anchor.source} names")
        return None

    def end(self, head: Head) -> Break | None:
        for anchor in self.anchors:
            if anchor.sequence > self.last.sequence:
                reason = (
                    f"is missing: the chain ends at entry {self.last.sequence}, but {anchor.source} names it"
                )
                return self._break(anchor.sequence, reason)
        if self.last.sequence > head.sequence:
            return self._break(head.sequence + 1, f"lies beyond the head, which names entry {head.sequence}")
        if self.last.sequence == head.sequence and self.last.hash != head.hash:
            return self._break(head.sequence, "is not the entry that the head names")
        return None

    def _misfit(self, link: Link) -> Break | None:
        expected = self.last.sequence + 1
        if link.damage and link.sequence <= expected:
            return self._break(expected, link.damage)
        if link.sequence != expected:
            return self._break(expected, f"is missing (the next one found is {link.sequence})")
        if link.entry.group != self.group:
            return self._break(expected, f"belongs to the chain of {link.entry.group!r:.50}")
        if link.previous != self.last.hash:
            return self._break(expected, "does not follow the entry before it")
        if link.hash != link_hash(link):
            return self._break(expected, "was changed after it was written")
        return None

    def _break(self, sequence: int, reason: str) -> Break:
        return Break(group=self.group, sequence=sequence, reason=reason)


def _storable(text: str, longest: int) -> str:
    whole = text.encode("utf-8", "replace").decode()
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"
