"""What the directory's own log says about who was touched, whatever the product believes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sandbox.directory.log import Entry

_EFFECT_ALL_THE_SAME = {"drop_after_effect", "answer_after_effect", "truncate", "delay"}
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
class Done:
    """A change in the directory; an addition names its person in the body, which the log has not."""

    number: int
    deed: DirectoryFact
    group_id: str
    user_id: str


def deeds(entries: Iterable[Entry]) -> list[Done]:
    """Return all changes that took effect, even those whose answer was lost."""
    return [done for entry in entries if _took_effect(entry) and (done := _read(entry))]


def attempts(entries: Iterable[Entry]) -> list[Done]:
    """Return all changes that were asked for, whether they took effect or not."""
    return [done for entry in entries if (done := _read(entry))]


def numbers(done: Iterable[Done], deed: DirectoryFact, user_id: str) -> list[int]:
    """Tell when (by the log's numbers) this happened to this person."""
    return [item.number for item in done if item.deed is deed and item.user_id == user_id]


def touched(done: Iterable[Done]) -> set[str]:
    return {item.user_id for item in done} - {""}


def _took_effect(entry: Entry) -> bool:
    return 200 <= entry.status < 300 or entry.fault in _EFFECT_ALL_THE_SAME


def _read(entry: Entry) -> Done | None:
    for deed, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(f"{entry.method} {entry.path}"):
            return Done(entry.number, deed, *found.groups())
    return None
