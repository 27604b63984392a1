"""Whether a new version of a row ends or shortens somebody's access."""

from __future__ import annotations

from datetime import datetime

from enforcer.core.calendar.dates import instant
from enforcer.core.contractors import Contractor, ReadRow


def shortening(before: ReadRow | None, after: ReadRow, now: datetime) -> str:
    """Return how a row ends or shortens access, compared with the row before; empty if it does not.

    Whoever has no row, or one that is never acted upon, loses nothing by an end that is still to come: to
    register somebody is to say when their access ends.
    """
    if not isinstance(after, Contractor):
        return ""
    earlier = before if isinstance(before, Contractor) else None
    if earlier is not None and after.due_at < earlier.due_at:
        return f"brings the end forward from {instant(earlier.due_at)} to {instant(after.due_at)}"
    if after.is_due(now) and not (earlier is not None and earlier.is_due(now)):
        return f"ends access at once: {after.end_date} is over"
    if earlier is not None and _starts_later(earlier, after) and not after.has_begun(now):
        return "sets a later start"
    return ""


def _starts_later(before: Contractor, after: Contractor) -> bool:
    if after.begins_at is None:
        return False
    return before.begins_at is None or after.begins_at > before.begins_at
