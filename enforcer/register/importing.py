"""Imports a file into the register: first what would follow from it, then all of its lines, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from enforcer.core.actors import Actor
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import FourEyesError, InputError, MissingRoleError
from enforcer.core.keys import is_address, normalised
from enforcer.core.ledger import Action
from enforcer.core.settings import Settings
from enforcer.register.allowed import Allowed
from enforcer.register.changes import chosen_group, entry_of
from enforcer.register.feed.problems import FileError, Problem
from enforcer.register.feed.reading import Feed, Line, Reading, read_feed
from enforcer.register.people import Meant, People, people_of
from enforcer.register.permission import own_keys, require_right
from enforcer.register.preview import Change, Preview, judged, names_of
from enforcer.register.requirements import key_problem, require_after_start, require_dates, require_one
from enforcer.register.tonight import tonight
from enforcer.services import Services


def read_file(settings: Settings, content: bytes, reading: Reading) -> Feed:
    """Read a file for these settings. Raises: as `read_feed`."""
    if reading.group_id:
        reading = replace(reading, group_id=chosen_group(settings, reading.group_id))
    return read_feed(content, reading, partial(line_problem, settings))


async def preview_import(services: Services, lines: Sequence[Line], *, actor: Actor) -> Preview:
    """Return what the lines would do; nothing is written.

    Raises:
        FileError: Names every line that cannot be used, and why.
        FourEyesError, MissingRoleError: Names every line that the actor may not write, and why.
        RunError, UnavailableError: Graph or storage refuses, or does not answer.
    """
    changes: list[Change] = []
    problems: list[Problem] = []
    parts = _by_group(services.settings, lines)
    read: dict[str, _Group] = {}
    for group_id, of_group in parts.items():
        read[group_id] = group = await _read_group(services, group_id, of_group)
        found = [_change(services, group, line) for line in of_group]
        problems += [item for item in found if isinstance(item, Problem)]
        usable = [item for item in found if isinstance(item, Change)]
        problems += _duplicates(usable)
        changes += usable
    if problems:
        raise FileError(problems)
    await _require_permission(services, actor, changes)
    consequence = await tonight(
        services,
        {group_id: (group.rows, group.people.members) for group_id, group in read.items()},
        changes,
    )
    ordered = sorted(changes, key=lambda change: change.line)
    return Preview(changes=tuple(ordered), tonight=consequence)


def require_allowed(preview: Preview, allowed: Allowed) -> None:
    """Make sure that somebody wants the ends in the past and the unknown people that would be written.

    Raises:
        InputError: Names them, and the options that let them in.
    """
    problems = []
    if preview.ended and not allowed.past:
        problems.append(_refusal(preview.ended, "already ended: access would end at once", "past"))
    if preview.unknown and not allowed.unknown:
        problems.append(_refusal(preview.unknown, "unknown to Entra", "unknown"))
    if problems:
        raise InputError("\n".join(problems), field="file")


async def write_import(services: Services, preview: Preview, *, actor: Actor) -> list[RegisterRow]:
    """Write the lines that change something, all or none, and return their rows.

    Raises:
        RunError, UnavailableError: Storage refuses, or does not answer.
    """
    rows = [change.row for change in preview.written]
    if rows:
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


def second_looks(feed: Feed, rules: DateRules, now: datetime) -> list[str]:
    """Return what deserves a second look: ends at exactly midnight, and contracts that are over by now."""
    running = [line for line in feed.lines if rules.ends_at(line.row.end_date) > now]
    return [
        *midnight_ends(running, rules, now),
        *(
            f"line {line.number}: the status is {line.status!r}, but access ends on {line.row.end_date} only;"
            " correct the end date if it is over"
            for line in running
            if line.status
        ),
    ]


def midnight_ends(lines: Iterable[Line], rules: DateRules, now: datetime) -> list[str]:
    """Return a warning for each line whose access will end exactly at midnight; it is written unchanged."""
    ends = [(line.number, line.row.end_date) for line in lines]
    running = [(number, rules.about_midnight(end)) for number, end in ends if rules.ends_at(end) > now]
    return [f"line {number}: {about}" for number, about in running if about]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """A managed group's rows by their normalised keys, and the people who may be meant."""

    id: str
    rows: dict[str, RegisterRow]
    people: People
    settled: Mapping[str, Change] = field(default_factory=dict)


def _by_group(settings: Settings, lines: Sequence[Line]) -> dict[str, list[Line]]:
    parts: dict[str, list[Line]] = {}
    for line in lines:
        parts.setdefault(chosen_group(settings, line.row.group_id), []).append(line)
    return parts


async def _read_group(services: Services, group_id: str, lines: Sequence[Line]) -> _Group:
    rows = {normalised(row.row_key): row for row in await services.register.whole_rows(group_id)}
    settled: dict[str, Change] = {}
    for line in lines:
        key = normalised(line.row.row_key)
        if key in rows and not (change := _judged(services, group_id, line, rows[key])).writes:
            settled[key] = change
    people = await people_of(services, group_id, lines, settled)
    return _Group(id=group_id, rows=rows, people=people, settled=settled)


def _judged(
    services: Services, group_id: str, line: Line, before: RegisterRow | None, key: str = ""
) -> Change:
    row = replace(line.row, group_id=group_id, row_key=before.row_key if before else key)
    return judged(line.number, row, before, services.settings.date_rules, services.now())


def _change(services: Services, group: _Group, line: Line) -> Change | Problem:
    """Return what the line does, or what is wrong with it."""
    if settled := group.settled.get(normalised(line.row.row_key)):
        key = normalised(line.row.row_key)
        return replace(settled, line=line.number, typed=line.row.row_key, keys=frozenset({key}))
    try:
        meant = group.people.meant_by(line)
        before = _row_of(group, meant, line)
        if before and not line.row.start_date:
            require_after_start(services.settings, before, line.row.end_date)
    except InputError as error:
        return Problem(line=line.number, kind="means nobody, or several people", text=str(error))
    # A guest's user principal name cannot be a RowKey, so their object ID is used.
    written = line.row.row_key if meant.key == normalised(line.row.row_key) else meant.key
    key = meant.user.id if meant.user and "#" in meant.key else written
    change = _judged(services, group.id, line, before, key)
    return replace(
        change,
        typed=line.row.row_key,
        person=meant.user.id if meant.user else "",
        member=meant.member,
        keys=meant.names | {normalised(change.row.row_key)},
    )


def _row_of(group: _Group, meant: Meant, line: Line) -> RegisterRow | None:
    """Return the person's row: under the line's own key, or else under another of their names."""
    own = normalised(line.row.row_key)
    if own in group.rows:
        return group.rows[own]
    found = [group.rows[name] for name in sorted(meant.names) if name in group.rows]
    require_one(found, line.row.row_key)
    return found[0] if found else None


def _duplicates(changes: Sequence[Change]) -> list[Problem]:
    """Name the lines that mean the same person as an earlier line, by another name."""
    seen: dict[str, int] = {}
    problems: list[Problem] = []
    for change in changes:
        # The row tells them apart, too: one may have been found by it alone.
        for identity in filter(None, (change.person, normalised(change.row.row_key))):
            first = seen.setdefault(identity, change.line)
            if first != change.line:
                text = f"{change.typed} means the same person as line {first}"
                problems.append(Problem(line=change.line, kind="names somebody twice", text=text))
                break
    return problems


async def _require_permission(services: Services, actor: Actor, changes: Sequence[Change]) -> None:
    written = [change for change in changes if change.writes]
    own = await own_keys(services, actor, {key for change in written for key in change.keys})
    if mine := [change.line for change in written if not own.isdisjoint(change.keys)]:
        numbers = ", ".join(map(str, mine))
        raise FourEyesError(
            f"line {numbers}: is yourself; nobody decides about their own access, so ask somebody else",
            field="user",
        )
    refused: list[str] = []
    for change in written:
        try:
            require_right(services, actor, change.before, change.row)
        except MissingRoleError as error:
            refused.append(f"line {change.line}: {error}")
    if refused:
        raise MissingRoleError("\n".join(refused), field="end_date")


def _refusal(changes: Sequence[Change], what: str, option: str) -> str:
    lines = "1 line is" if len(changes) == 1 else f"{len(changes)} lines are"
    cure = f"--{option} (over HTTP: {option}=true) imports them nevertheless"
    return f"{lines} {what}: {names_of(changes)}; {cure}"
