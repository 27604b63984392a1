"""Object IDs, and the objects reachable from others."""

import re
from collections.abc import Callable, Iterable
from uuid import uuid4

from sandbox.directory.objects import DirectoryObject

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_id(text: str) -> bool:
    return _GUID.fullmatch(text) is not None


def new_id() -> str:
    return str(uuid4())


def key(entry: DirectoryObject | str) -> str:
    return entry.lower() if isinstance(entry, str) else entry.id


def closure(start: str, step: Callable[[str], Iterable[str]]) -> set[str]:
    """Return everything that can be reached from here."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = set(step(waiting.pop())) - found
        found |= fresh
        waiting.extend(fresh)
    return found
