"""The ledger's entries and the chain that binds them: each entry's hash covers the one before it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

GENESIS = "0" * 64


class Action(StrEnum):
    DISABLE = "disable"
    REMOVE = "remove"
    REVOKE = "revoke"
    ADD = "add"
    ENABLE = "enable"
    VERIFY = "verify"
    WITHDRAW = "withdraw"
    STUCK = "stuck"
    PROOF = "proof"
    HOLD = "hold"
    APPROVE = "approve"
    REGISTER_ADD = "register_add"
    REGISTER_EXTEND = "register_extend"
    REGISTER_END = "register_end"
    REGISTER_REMOVE = "register_remove"
    REGISTER_IMPORT = "register_import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One action. Times are ISO 8601 in UTC; what does not apply is empty.

    Attributes:
        actor: Who acted: `timer`, `cli:<user>`, or the object ID of the caller.
        user: The contractor's object ID, or his row's key where Entra does not know him.
        outcome: What came of it; for a failure, what Graph said.
        request_id: By which Microsoft's support finds the call.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry in its place in the chain."""

    sequence: int
    entry: Entry
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of a group's chain."""

    sequence: int = 0
    hash: str = GENESIS

    def extended(self, entries: list[Entry]) -> list[Link]:
        """Give the links that these entries become after this head."""
        links: list[Link] = []
        head = self
        for entry in entries:
            link = linked(head, entry)
            links.append(link)
            head = Head(link.sequence, link.hash)
        return links


def linked(head: Head, entry: Entry) -> Link:
    """Chain one entry to the head."""
    link = Link(sequence=head.sequence + 1, entry=entry, previous=head.hash, hash="")
    return replace(link, hash=link_hash(link))


def link_hash(link: Link) -> str:
    """Give the SHA-256 (hex) of the link's place, its predecessor's hash and its entry."""
    fields = [link.sequence, link.previous, link.entry]
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first place where a chain does not fit."""

    group: str
    sequence: int
    reason: str


async def first_break(group: str, links: AsyncIterable[Link], head: Head) -> Break | None:
    """Recompute a group's chain from its beginning to its head; None where everything fits."""
    last = Head()
    async for link in links:
        if link.sequence != last.sequence + 1:
            reason = f"entry {last.sequence + 1} is missing (the next one found is {link.sequence})"
            return Break(group=group, sequence=last.sequence + 1, reason=reason)
        if link.previous != last.hash:
            return Break(group=group, sequence=link.sequence, reason="does not follow the entry before it")
        if link.hash != link_hash(link):
            return Break(group=group, sequence=link.sequence, reason="was changed after it was written")
        last = Head(link.sequence, link.hash)
    if last != head:
        reason = f"the chain ends at entry {last.sequence}, the head says {head.sequence}"
        return Break(group=group, sequence=max(last.sequence, head.sequence), reason=reason)
    return None
