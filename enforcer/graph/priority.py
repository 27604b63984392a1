"""The priority of calls when Graph throttles.

Source: "Microsoft Graph service-specific throttling limits", identity and access service: request header
`x-ms-throttle-priority`. Low priority is throttled first and high last; the limits stay the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

HEADER = "x-ms-throttle-priority"


class Priority(StrEnum):
    LOW = "low"
    """Nobody is waiting for it, and it is retried."""
    NORMAL = "normal"
    HIGH = "high"
    """Somebody is waiting for it."""


_current = ContextVar("priority", default=Priority.NORMAL)


def current_priority() -> Priority:
    """Return the priority of the current work."""
    return _current.get()


@contextmanager
def working_at(priority: Priority) -> Iterator[None]:
    """Assign this priority to all calls made in the block and by tasks started in it."""
    before = _current.set(priority)
    try:
        yield
    finally:
        _current.reset(before)


def priority_header(priority: Priority) -> dict[str, str]:
    """Return the header; without one, a call has normal priority."""
    return {} if priority is Priority.NORMAL else {HEADER: priority.value}
