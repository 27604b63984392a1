"""Which calls Graph may refuse first when there are too many.

Source: "Microsoft Graph service-specific throttling limits", identity and access service: request header
`x-ms-throttle-priority`. Low ones are throttled first and high ones last; the limits stay the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

HEADER = "x-ms-throttle-priority"


class Priority(StrEnum):
    LOW = "low"
    """Nobody waits for it, and it is tried again."""
    NORMAL = "normal"
    HIGH = "high"
    """Somebody waits for it."""


_current = ContextVar("priority", default=Priority.NORMAL)


def current_priority() -> Priority:
    """Return the priority of the work that is going on."""
    return _current.get()


@contextmanager
def working_at(priority: Priority) -> Iterator[None]:
    """Return all calls that are made in this block, and by tasks that it starts, this priority."""
    before = _current.set(priority)
    try:
        yield
    finally:
        _current.reset(before)


def priority_header(priority: Priority) -> dict[str, str]:
    """Return the header; Graph takes a call without one for a normal one."""
    return {} if priority is Priority.NORMAL else {HEADER: priority.value}
