"""What a row must be like before it is written; whatever is not is named, with what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from enforcer.core import keys
from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import UnreadableDateError
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor, RegisterRow, read_row
from enforcer.core.exceptions import AmbiguousError, InputError
from enforcer.core.keys import is_address
from enforcer.core.plain_text import is_plain
from enforcer.core.settings import Settings
from enforcer.register.allowed import Allowed
from enforcer.register.lengths import LONGEST
from enforcer.services import Services

_FORBIDDEN_IN_KEYS = frozenset("/\\#?%")
_LONGEST_KEY = 254  # of an address: RFC 5321


def key_problem(key: str) -> str:
    """Return what is wrong with a row's key; empty if nothing is."""
    if problem := keys.problem(key):
        return f"the user {problem}"
    if len(key) > _LONGEST_KEY:
        return f"{key!r:.80} has more than {_LONGEST_KEY} characters"
    wrong = sorted(_FORBIDDEN_IN_KEYS & set(key))
    return f"{key!r:.80} contains {' '.join(wrong)}, which Table Storage forbids in keys" if wrong else ""


def require_dates(settings: Settings, row: RegisterRow) -> None:
    """Make sure that a row's dates are usable.

    Raises:
        InputError: Names the field, the value and what would be right.
    """
    try:
        due_at = settings.date_rules.ends_at(row.end_date)
    except UnreadableDateError as error:
        raise InputError(f"the end date {error}", field="end_date") from error
    if not row.start_date:
        return
    try:
        begins_at = settings.date_rules.begins_at(row.start_date)
    except UnreadableDateError as error:
        raise InputError(f"the start date {error}", field="start_date") from error
    if begins_at >= due_at:
        start = dates.written(row.start_date)
        raise InputError(
            f"the start date {start} is not before the end of access on {row.end_date}", field="start_date"
        )


def require_running(services: Services, before: RegisterRow | None, end: object, allowed: Allowed) -> None:
    """Make sure that nobody ends access in the past by mistake. An end that is over may be corrected.

    Raises:
        InputError: Names the end, and what allows it.
    """
    rules, now = services.settings.date_rules, services.now()
    over = rules.ends_at(end) <= now
    if over and not allowed.past and not (before and has_ended(before, now, rules)):
        raise InputError(
            f"the end date {dates.written(end)} is over, so access would end at once; to write it"
            " nevertheless, say --past (`past` in the API)",
            field="end_date",
        )


def has_ended(row: RegisterRow, at: datetime, rules: DateRules) -> bool:
    read = read_row(row, rules)
    return isinstance(read, Contractor) and read.is_due(at)


def require_texts(row: RegisterRow) -> None:
    """Make sure that a row's texts can be stored, mailed and exported.

    Raises:
        InputError: Names the field and what would be right.
    """
    if row.sponsor and not is_address(row.sponsor):
        raise InputError(f"the sponsor {row.sponsor!r:.80} is not an e-mail address", field="sponsor")
    for field in ("display_name", "company", "note"):
        text: str = getattr(row, field)
        if len(text) > LONGEST[field]:
            raise InputError(f"{field} has {len(text)} characters; at most {LONGEST[field]} fit", field=field)
        if not is_plain(text):
            raise InputError(f"{field} contains line breaks or control characters: {text!r:.60}", field=field)


def require_after_start(settings: Settings, row: RegisterRow, end_date: object) -> None:
    """Make sure that a new end is after the row's start; an unreadable start is left to be a finding.

    Raises:
        InputError: It is not.
    """
    with suppress(UnreadableDateError):
        settings.date_rules.begins_at(row.start_date)
        require_dates(settings, replace(row, end_date=end_date))


def require_one(found: Sequence[RegisterRow], user: str) -> None:
    """Make sure that a name means at most one row.

    Raises:
        AmbiguousError: It means several.
    """
    if len(found) > 1:
        keys = ", ".join(f"{row.row_key} in group {row.group_id}" for row in found)
        raise AmbiguousError(f"{user} has several rows ({keys}); give group or row key", field="user")
