"""Rows that somebody wrote themselves just now: they make nobody a contractor for the writer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from enforcer.core.contractors import RegisterRow
from enforcer.core.keys import normalised
from enforcer.core.ledger import Action, Entry
from enforcer.services import Services
from enforcer.storage.tables.begun import register_changes

JUST_NOW = timedelta(hours=1)
# So that the look stays short, however long the ledger is.
_MOST_ENTRIES = 10_000
_WRITING = frozenset({Action.REGISTER_ADD, Action.REGISTER_IMPORT})


async def are_own(services: Services, rows: Sequence[RegisterRow], actor: str, now: datetime) -> bool:
    """Whether the actor wrote all of these rows, through the enforcer, within the last hour.

    Otherwise whoever may register and offboard could do so to any account of the tenant, one after the other.

    Raises:
        AccessDeniedError, UnavailableError: Storage refuses, or does not answer.
    """
    for group_id in {row.group_id for row in rows}:
        head = await services.ledger.head(group_id)
        entries = await register_changes(services.tables, group_id, max(head.sequence - _MOST_ENTRIES, 0))
        own = {normalised(one.row_key) for one in entries if _is_own(one, actor, now)}
        if any(row.group_id == group_id and normalised(row.row_key) not in own for row in rows):
            return False
    return True


def _is_own(entry: Entry, actor: str, now: datetime) -> bool:
    if entry.action not in _WRITING or entry.actor != actor:
        return False
    try:
        return datetime.fromisoformat(entry.at) > now - JUST_NOW
    except ValueError:
        return False
