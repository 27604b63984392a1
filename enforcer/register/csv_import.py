"""Brings the lines of a checked CSV file into the register: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from enforcer.concurrency import each
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Registration
from enforcer.core.exceptions import InputError, NotFoundError
from enforcer.core.keys import is_object_id, normalised
from enforcer.core.ledger import Action
from enforcer.register.changes import chosen_group, entry_of, require_after_start, require_one
from enforcer.register.csv_file import CsvError, Line
from enforcer.services import Services

_LOOKED_UP_AT_ONCE = 16


async def import_lines(services: Services, lines: Sequence[Line], *, actor: str) -> list[Registration]:
    """Write all lines, or none.

    Raises:
        CsvError: Names every line that cannot be used, and why.
        RunError, UnavailableError: Graph or storage refuses, or does not answer.
    """
    shelves = {group_id: await _shelf(services, group_id, lines) for group_id in _groups(services, lines)}
    placed = await each(lines, partial(_place, services, shelves), at_once=_LOOKED_UP_AT_ONCE)
    problems = [item for item in placed if isinstance(item, str)]
    seats = [item for item in placed if not isinstance(item, str)]
    problems += _doubles(seats)
    if problems:
        raise CsvError(problems)
    rows = [seat.row for seat in seats]
    await services.register.import_all(rows)
    for group_id in shelves:
        of_group = [row for row in rows if row.group_id == group_id]
        entries = [entry_of(row, Action.REGISTER_IMPORT, actor, services.now()) for row in of_group]
        await services.ledger.append(group_id, entries)
    return rows


def midnight_ends(lines: Sequence[Line], rules: DateRules, now: datetime) -> list[str]:
    """Name the lines whose access is still to end, at exactly midnight, and say what that means.

    They are written as they stand.
    """
    running = (line for line in lines if rules.ends_at(line.end) > now)
    return [f"line {line.number}: {about}" for line in running if (about := rules.about_midnight(line.end))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shelf:
    """The rows of a group, by their normalised keys.

    Whoever is named by two keys would have two rows, and neither would be acted upon. So a key that is no
    row's is looked up where another may mean the same person; two object IDs never do.

    Attributes:
        has_addresses: A row's key is an address: it may mean somebody whom a line names by object ID.
        has_others: Rows and lines have several keys: each may mean somebody whom a line names by address.
    """

    rows: Mapping[str, Registration]
    has_addresses: bool
    has_others: bool

    def asks_for(self, key: str) -> bool:
        """Whether Entra has to say whom this key, which is no row's, means."""
        return self.has_addresses if is_object_id(key) else self.has_others or "#" in key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seat:
    """What becomes of a line: the row, and the key of the person whom it means, as far as that is known."""

    line: Line
    row: Registration
    person: str


def _groups(services: Services, lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(chosen_group(services.settings, line.group_id) for line in lines))


async def _shelf(services: Services, group_id: str, lines: Sequence[Line]) -> _Shelf:
    rows = {normalised(row.row_key): row for row in await services.register.registrations(group_id)}
    of_group = [line for line in lines if chosen_group(services.settings, line.group_id) == group_id]
    keys = rows.keys() | {normalised(line.user) for line in of_group}
    return _Shelf(
        rows=rows,
        has_addresses=not all(is_object_id(key) for key in rows),
        has_others=len(keys) > 1,
    )


async def _place(services: Services, shelves: Mapping[str, _Shelf], line: Line) -> _Seat | str:
    """Return the row that the line becomes, or what is wrong with it."""
    group_id = chosen_group(services.settings, line.group_id)
    shelf = shelves[group_id]
    try:
        row_key, person = await _row_key(services, shelf, line)
        known = shelf.rows.get(normalised(row_key))
        if known and not line.start:
            require_after_start(services.settings, known, line.end)
    except InputError as error:
        return f"line {line.number}: {error}"
    row = Registration(
        group_id=group_id,
        row_key=row_key,
        end_date=line.end,
        start_date=line.start or None,
        display_name=line.display_name,
        company=line.company,
        sponsor=line.sponsor,
        note=line.note,
    )
    return _Seat(line=line, row=row, person=person)


async def _row_key(services: Services, shelf: _Shelf, line: Line) -> tuple[str, str]:
    """Return the key of the row that the person has, or of a new one, and the person's own key.

    A guest's user principal name cannot be a RowKey, so he gets his object ID.
    """
    key = normalised(line.user)
    if key in shelf.rows:
        return shelf.rows[key].row_key, key
    if not shelf.asks_for(key):
        return key, key
    try:
        person = await services.directory.find(key)
    except NotFoundError:
        if "#" in key:
            raise
        return key, key  # HR may know him before Entra does
    known = [shelf.rows[name] for name in sorted(person.names) if name in shelf.rows]
    require_one(known, line.user)
    if known:
        return known[0].row_key, normalised(known[0].row_key)
    return person.id if "#" in key else key, person.id


def _doubles(seats: Sequence[_Seat]) -> list[str]:
    """Name the lines that mean the same person as an earlier one, by another name."""
    seen: dict[tuple[str, str], int] = {}
    problems: list[str] = []
    for seat in seats:
        line = seat.line
        first = seen.setdefault((seat.row.group_id, seat.person), line.number)
        if first != line.number:
            problems.append(f"line {line.number}: {line.user} means the same person as line {first}")
    return problems
