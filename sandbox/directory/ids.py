"""Object ids, and the objects that other objects lead to."""

from collections.abc import Callable, Iterable
from uuid import uuid4

from sandbox.directory.objects import DirectoryObject


def new_id() -> str:
    return str(uuid4())


def key(entry: DirectoryObject | str) -> str:
    return entry.lower() if isinstance(entry, str) else entry.id


def closure(start: str, step: Callable[[str], Iterable[str]]) -> set[str]:
    """Everything that steps lead to from here."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = set(step(waiting.pop())) - found
        found |= fresh
        waiting.extend(fresh)
    return found
