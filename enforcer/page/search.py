"""The search: rows of the register that contain the words, or end in one week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from unicodedata import normalize

from enforcer.core.contractors import ReadRow
from enforcer.core.keys import is_key, trimmed
from enforcer.page.answers import calendar, frame, html
from enforcer.page.people import PersonLink, person_path, row_link
from enforcer.page.timeline import ends_in_week
from enforcer.page.times import Calendar, Moment, day
from enforcer.register.reading import read_register
from enforcer.web.calls import Call
from enforcer.web.messages import Response
from enforcer.web.roles import Access

SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A row that was found; `end` is None where its end date cannot be read."""

    person: PersonLink
    group_id: str
    company: str
    sponsor: str
    end: Moment | None
    distance: str
    has_ended: bool


async def show_search(call: Call) -> Response:
    rows, days = await read_register(call.services, call.services.settings.group_ids), calendar(call)
    asked = trimmed(call.request.query.get("q", ""))
    monday = _monday(call.request.query.get("week", ""))
    found = _with_words(rows, asked) if monday is None else ends_in_week(rows, monday, days)
    return html(
        "search.html",
        frame=frame(call, "Search"),
        asked=asked,
        week=None if monday is None else f"{day(monday)} to {day(monday + timedelta(days=6))}",
        hits=[_hit(row, days) for row in found[:SHOWN]],
        more=max(len(found) - SHOWN, 0),
        several=len(call.services.settings.group_ids) > 1,
        in_entra=person_path(asked) if is_key(asked) and call.may(Access.EXTEND) else "",
    )


def _monday(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # The calendar's last week would end beyond it.
    return found - timedelta(days=found.weekday()) if found.year < date.max.year else None


def _with_words(rows: Sequence[ReadRow], asked: str) -> list[ReadRow]:
    """Return the rows that contain all the words, ordered by name; without words, all rows."""
    words = _caseless(asked).split()
    found = [row for row in rows if all(word in _text(row) for word in words)]
    return sorted(found, key=lambda row: (row.written.name.casefold(), row.row_key))


def _text(row: ReadRow) -> str:
    item = row.written
    texts = (item.display_name, item.row_key, item.company, item.sponsor, item.note)
    return _caseless("\n".join(texts))


def _caseless(text: str) -> str:
    """Return the text for comparison: without case, and accents in one of Unicode's forms."""
    return normalize("NFC", normalize("NFC", text).casefold())


def _hit(row: ReadRow, days: Calendar) -> Hit:
    return Hit(
        person=row_link(row),
        group_id=row.written.group_id,
        company=row.written.company,
        sponsor=row.written.sponsor,
        end=None if row.due_at is None else days.end(row.due_at),
        distance="" if row.due_at is None else days.distance(row.due_at),
        has_ended=row.due_at is not None and row.due_at <= days.now,
    )
