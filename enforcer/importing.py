"""Brings the lines of a checked CSV file into the register: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from enforcer.concurrency import each
from enforcer.core.contractors import Registration, normalised
from enforcer.core.csvfile import CsvError, Line
from enforcer.core.ledger import Action
from enforcer.exceptions import InputError, NotFoundError
from enforcer.registration import chosen_group, entry_of, require_one
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
    rows = [item for item in placed if not isinstance(item, str)]
    problems += _doubles(lines, placed)
    if problems:
        raise CsvError(problems)
    await services.register.import_all(rows)
    for group_id in shelves:
        of_group = [row for row in rows if row.group_id == group_id]
        entries = [entry_of(row, Action.REGISTER_IMPORT, actor, services.now()) for row in of_group]
        await services.ledger.append(group_id, entries)
    return rows


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The rows of a group, by their normalised keys.

    Attributes:
        has_others: There are rows that no line of the file names. One of them may mean the same person as a
            line does, by another name; a second row for him would keep both from being acted upon.
    """

    rows: Mapping[str, Registration]
    has_others: bool


def _groups(services: Services, lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(chosen_group(services.settings, line.group_id) for line in lines))


async def _shelf(services: Services, group_id: str, lines: Sequence[Line]) -> _Shelf:
    rows = {normalised(row.row_key): row for row in await services.register.registrations(group_id)}
    named = {normalised(line.user) for line in lines}
    return _Shelf(rows, has_others=not rows.keys() <= named)


async def _place(services: Services, shelves: Mapping[str, _Shelf], line: Line) -> Registration | str:
    """Give the row that the line becomes, or what is wrong with it."""
    group_id = chosen_group(services.settings, line.group_id)
    try:
        row_key = await _row_key(services, shelves[group_id], line)
    except InputError as error:
        return f"line {line.number}: {error}"
    return Registration(
        group_id=group_id,
        row_key=row_key,
        end_date=line.end,
        start_date=line.start or None,
        display_name=line.display_name,
        company=line.company,
        sponsor=line.sponsor,
        note=line.note,
    )


async def _row_key(services: Services, shelf: _Shelf, line: Line) -> str:
    """Give the key of the row that the person has, or of a new one.

    A guest's user principal name cannot be a RowKey, so he gets his object ID.
    """
    key = normalised(line.user)
    if key in shelf.rows:
        return shelf.rows[key].row_key
    if not (shelf.has_others or "#" in key):
        return key
    try:
        person = await services.directory.find(key)
    except NotFoundError:
        if "#" in key:
            raise
        return key  # HR may know him before Entra does
    known = [shelf.rows[name] for name in sorted(person.names) if name in shelf.rows]
    require_one(known, line.user)
    new = person.id if "#" in key else key
    return known[0].row_key if known else new


def _doubles(lines: Sequence[Line], placed: Sequence[Registration | str]) -> list[str]:
    """Name the lines that mean the same person as an earlier one, by another name."""
    seen: dict[tuple[str, str], int] = {}
    problems: list[str] = []
    for line, row in zip(lines, placed, strict=True):
        if isinstance(row, str):
            continue
        first = seen.setdefault((row.group_id, normalised(row.row_key)), line.number)
        if first != line.number:
            problems.append(f"line {line.number}: {line.user} means the same person as line {first}")
    return problems
