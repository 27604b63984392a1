"""Imports the lines of a checked CSV file into the register: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from enforcer.concurrency import each
from enforcer.core.actors import Actor
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import FourEyesError, InputError, MissingRoleError, NotFoundError
from enforcer.core.keys import is_address, is_object_id, normalised
from enforcer.core.ledger import Action
from enforcer.core.settings import Settings
from enforcer.register.changes import (
    chosen_group,
    entry_of,
    key_problem,
    require_after_start,
    require_dates,
    require_one,
)
from enforcer.register.csv_file import CsvError, Line
from enforcer.register.permission import own_keys, require_right
from enforcer.services import Services

_LOOKED_UP_AT_ONCE = 16


async def plan_import(services: Services, lines: Sequence[Line], *, actor: Actor) -> list[RegisterRow]:
    """Return the rows that the lines become; nothing is written.

    Raises:
        CsvError: Names every line that cannot be used, and why.
        FourEyesError, MissingRoleError: Names every line that the actor may not write, and why.
        RunError, UnavailableError: Graph or storage refuses, or does not answer.
    """
    known = {group_id: await _known_rows(services, group_id, lines) for group_id in _groups(services, lines)}
    results = await each(lines, partial(_resolve, services, known), at_once=_LOOKED_UP_AT_ONCE)
    problems = [item for item in results if isinstance(item, str)]
    resolved = [item for item in results if not isinstance(item, str)]
    problems += _duplicates(resolved)
    if problems:
        raise CsvError(problems)
    await _require_permission(services, actor, resolved)
    return [item.row for item in resolved]


async def import_lines(services: Services, lines: Sequence[Line], *, actor: Actor) -> list[RegisterRow]:
    """Write all lines, or none. Raises: as `plan_import`."""
    rows = await plan_import(services, lines, actor=actor)
    await services.register.import_all(rows)
    for group_id in dict.fromkeys(row.group_id for row in rows):
        of_group = [row for row in rows if row.group_id == group_id]
        entries = [entry_of(row, Action.REGISTER_IMPORT, actor, services.now()) for row in of_group]
        await services.ledger.append(group_id, entries)
    return rows


def line_problem(settings: Settings, line: Line) -> str:
    """Return what is wrong with a line by itself; empty if nothing is."""
    try:
        require_dates(settings, line.row)
        chosen_group(settings, line.row.group_id)
    except InputError as error:
        return str(error)
    if line.row.sponsor and not is_address(line.row.sponsor):
        return f"the sponsor {line.row.sponsor!r:.80} is not an e-mail address"
    # A guest's name has number signs, which no key can hold: Entra is asked for the guest.
    return key_problem(normalised(line.row.row_key).replace("#", ""))


def midnight_ends(lines: Sequence[Line], rules: DateRules, now: datetime) -> list[str]:
    """Return a warning for each line whose access will end exactly at midnight; it is written unchanged."""
    ends = [(line.number, line.row.end_date) for line in lines]
    running = [(number, rules.about_midnight(end)) for number, end in ends if rules.ends_at(end) > now]
    return [f"line {number}: {about}" for number, about in running if about]


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownRows:
    """The rows of a group, by their normalised keys.

    A person named by two keys would get two rows, and neither would be acted upon. So a key without a row is
    looked up if another key may mean the same person; two object IDs never do.

    Attributes:
        has_addresses: Some row's key is an address, which may mean somebody whom a line names by object ID.
        has_others: Rows and lines have several keys, any of which may mean somebody named by address.
    """

    rows: Mapping[str, RegisterRow]
    has_addresses: bool
    has_others: bool

    def needs_lookup(self, key: str) -> bool:
        """Whether Entra must say whom this key, which has no row, means."""
        return self.has_addresses if is_object_id(key) else self.has_others or "#" in key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolved:
    """A line, its row and the one before, and the key of the person whom it means, if it is known."""

    line: Line
    row: RegisterRow
    person: str
    before: RegisterRow | None

    @property
    def keys(self) -> frozenset[str]:
        return frozenset({self.person, normalised(self.row.row_key), normalised(self.line.row.row_key)})


def _groups(services: Services, lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(chosen_group(services.settings, line.row.group_id) for line in lines))


async def _known_rows(services: Services, group_id: str, lines: Sequence[Line]) -> _KnownRows:
    rows = {normalised(row.row_key): row for row in await services.register.whole_rows(group_id)}
    of_group = [line for line in lines if chosen_group(services.settings, line.row.group_id) == group_id]
    keys = rows.keys() | {normalised(line.row.row_key) for line in of_group}
    return _KnownRows(
        rows=rows,
        has_addresses=not all(is_object_id(key) for key in rows),
        has_others=len(keys) > 1,
    )


async def _resolve(services: Services, known: Mapping[str, _KnownRows], line: Line) -> _Resolved | str:
    """Return the row that the line becomes, or what is wrong with the line."""
    group_id = chosen_group(services.settings, line.row.group_id)
    try:
        row_key, person = await _row_key(services, known[group_id], line)
        before = known[group_id].rows.get(normalised(row_key))
        if before and not line.row.start_date:
            require_after_start(services.settings, before, line.row.end_date)
    except InputError as error:
        return f"line {line.number}: {error}"
    row = replace(line.row, group_id=group_id, row_key=row_key)
    return _Resolved(line=line, row=row, person=person, before=before)


async def _require_permission(services: Services, actor: Actor, resolved: Sequence[_Resolved]) -> None:
    own = await own_keys(services, actor, {key for item in resolved for key in item.keys})
    if mine := [item.line.number for item in resolved if not own.isdisjoint(item.keys)]:
        numbers = ", ".join(map(str, mine))
        raise FourEyesError(
            f"line {numbers}: is yourself; nobody decides about their own access, so ask somebody else",
            field="user",
        )
    refused: list[str] = []
    for item in resolved:
        try:
            require_right(services, actor, item.before, item.row)
        except MissingRoleError as error:
            refused.append(f"line {item.line.number}: {error}")
    if refused:
        raise MissingRoleError("\n".join(refused), field="end_date")


async def _row_key(services: Services, known: _KnownRows, line: Line) -> tuple[str, str]:
    """Return the key of the person's row, existing or new, and the person's own key.

    A guest's user principal name cannot be a RowKey, so their object ID is used.
    """
    key = normalised(line.row.row_key)
    if key in known.rows:
        return known.rows[key].row_key, key
    if not known.needs_lookup(key):
        return key, key
    try:
        person = await services.directory.find(key)
    except NotFoundError:
        if "#" in key:
            raise
        return key, key  # HR may know people before Entra does
    rows = [known.rows[name] for name in sorted(person.names) if name in known.rows]
    require_one(rows, line.row.row_key)
    if rows:
        return rows[0].row_key, normalised(rows[0].row_key)
    return person.id if "#" in key else key, person.id


def _duplicates(resolved: Sequence[_Resolved]) -> list[str]:
    """Name the lines that mean the same person as an earlier line, by another name."""
    seen: dict[tuple[str, str], int] = {}
    problems: list[str] = []
    for item in resolved:
        line = item.line
        first = seen.setdefault((item.row.group_id, item.person), line.number)
        if first != line.number:
            problems.append(f"line {line.number}: {line.row.row_key} means the same person as line {first}")
    return problems
