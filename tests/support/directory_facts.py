"""What the directory's own log says was changed, whatever the product believes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sandbox.directory.log import Entry

_EFFECT_DESPITE_FAULT = {"drop_after_effect", "answer_after_effect", "truncate", "delay"}
_ID = "([0-9a-f-]{36})"


class DirectoryFact(StrEnum):
    REMOVED = "removed"
    REVOKED = "revoked"
    CHANGED = "changed"
    ADDED = "added"


_PATTERNS = {
    DirectoryFact.REMOVED: re.compile(rf"DELETE /v1\.0/groups/{_ID}/members/{_ID}/\$ref"),
    DirectoryFact.REVOKED: re.compile(rf"POST /v1\.0/users/(){_ID}/revokeSignInSessions"),
    DirectoryFact.CHANGED: re.compile(rf"PATCH /v1\.0/users/(){_ID}"),
    DirectoryFact.ADDED: re.compile(rf"POST /v1\.0/groups/{_ID}/members/\$ref()"),
}


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """A change in the directory; an addition names its person in the body, which is not logged."""

    number: int
    fact: DirectoryFact
    group_id: str
    user_id: str


def changes_made(entries: Iterable[Entry]) -> list[DirectoryChange]:
    """Return the changes that took effect, even those whose answer was lost."""
    return [done for entry in entries if _took_effect(entry) and (done := _read(entry))]


def attempts(entries: Iterable[Entry]) -> list[DirectoryChange]:
    """Return the changes that were requested, whether or not they took effect."""
    return [done for entry in entries if (done := _read(entry))]


def numbers(done: Iterable[DirectoryChange], fact: DirectoryFact, user_id: str) -> list[int]:
    """Return the log's numbers of the entries in which this happened to this person."""
    return [item.number for item in done if item.fact is fact and item.user_id == user_id]


def touched(done: Iterable[DirectoryChange]) -> set[str]:
    return {item.user_id for item in done} - {""}


def _took_effect(entry: Entry) -> bool:
    return 200 <= entry.status < 300 or entry.fault in _EFFECT_DESPITE_FAULT


def _read(entry: Entry) -> DirectoryChange | None:
    for fact, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(f"{entry.method} {entry.path}"):
            return DirectoryChange(entry.number, fact, *found.groups())
    return None
