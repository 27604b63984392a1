"""Adds, extends, ends and removes rows of the register on request."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from enforcer.concurrency import each
from enforcer.core import keys
from enforcer.core.actors import Actor
from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import UnreadableDateError, instant
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor, RegisterRow, read_row
from enforcer.core.exceptions import AmbiguousError, InputError, NotFoundError
from enforcer.core.keys import is_address, is_object_id, normalised
from enforcer.core.ledger import Action, Entry, EntryOutcome
from enforcer.core.ledger_entries import Context
from enforcer.core.plain_text import is_plain
from enforcer.core.settings import Settings
from enforcer.register.allowed import NOTHING_MORE, Allowed
from enforcer.register.lengths import LONGEST
from enforcer.register.permission import require_others, require_right
from enforcer.services import Services

_FORBIDDEN_IN_KEYS = frozenset("/\\#?%")
_LONGEST_KEY = 254  # of an address: RFC 5321


async def add(
    services: Services, wanted: RegisterRow, *, actor: Actor, allowed: Allowed = NOTHING_MORE
) -> tuple[RegisterRow, Action]:
    """Register a person under their object ID in Entra, or change the row that they already have.

    Whom Entra does not know, perhaps not yet, can have their row changed, by its own key; they get a new one
    only if that is allowed.

    Args:
        services: All adapters.
        wanted: The row to write, under any name of the person; what is empty stays as it is.
        actor: Who asked for it.
        allowed: What may be written because somebody said so.

    Returns:
        The whole row, and whether it was added or extended.

    Raises:
        NotFoundError, AmbiguousError: The name means nobody, or several people.
        FourEyesError: The name means whoever asks.
        MissingRoleError: The change shortens access, which the actor may not.
        InputError: A value cannot be used.
        RunError, UnavailableError: Graph or storage refuses, or does not answer.
    """
    group_id = chosen_group(services.settings, wanted.group_id)
    require_dates(services.settings, wanted)
    _require_texts(wanted)
    user_id, names, display_name = await _whom(services, wanted.row_key, group_id, allowed)
    await require_others(services, actor, {user_id})
    known = await _rows(services, names, (group_id,))
    require_one(known, wanted.row_key)
    if known and not wanted.start_date:
        require_after_start(services.settings, known[0], wanted.end_date)
    row = replace(
        wanted,
        group_id=group_id,
        row_key=known[0].row_key if known else user_id,
        start_date=wanted.start_date or None,
    )
    if not (row.display_name or (known and known[0].display_name)):
        row = replace(row, display_name=display_name)
    before = known[0] if known else None
    require_right(services, actor, before, row)
    _require_running(services, before, row.end_date, allowed)
    action = Action.REGISTER_EXTEND if known else Action.REGISTER_ADD
    return await _save(services, row, action, actor), action


async def extend(  # noqa: PLR0913 -- which row, what becomes of it, and who asks
    services: Services,
    user: str,
    end: str,
    *,
    actor: Actor,
    group_id: str = "",
    allowed: Allowed = NOTHING_MORE,
) -> RegisterRow:
    """Change the end date of an existing row, and return all of it. Raises: as `add`."""
    require_dates(services.settings, RegisterRow(row_key=user, end_date=end))
    row = await find_row(services, user, group_id)
    await require_others(services, actor, {normalised(row.row_key)})
    require_after_start(services.settings, row, end)
    extended = RegisterRow(group_id=row.group_id, row_key=row.row_key, end_date=end)
    require_right(services, actor, row, extended)
    _require_running(services, row, end, allowed)
    return await _save(services, extended, Action.REGISTER_EXTEND, actor)


async def remove(services: Services, user: str, *, actor: Actor, group_id: str = "") -> RegisterRow:
    """Delete a row. A person who is still a member is then one without a row. Raises: as `add`."""
    row = await find_row(services, user, group_id)
    await require_others(services, actor, {normalised(row.row_key)})
    await services.register.remove(row.group_id, row.row_key)
    await _note(services, row, Action.REGISTER_REMOVE, actor)
    return row


async def end_rows(
    services: Services, rows: Sequence[RegisterRow], user_id: str, at: datetime, context: Context
) -> list[RegisterRow]:
    """End a person's rows because they are offboarded now, and return the rows that end.

    Rows that have already ended keep their date. A row that would start after its end could not be read: it
    loses its start, which the note records. A crash in between leaves the person offboarded from some groups
    only, until the call is repeated.

    Args:
        services: All adapters.
        rows: The person's rows, of any groups.
        user_id: The person's object ID, or the key of their rows if Entra does not know them.
        at: When access ends.
        context: Who ended it and why; each row has its own group.

    Raises:
        RunError, UnavailableError: Storage refuses, or does not answer.
    """
    at = services.settings.date_rules.exactly(at)  # midnight, too, means this instant
    running = [row for row in rows if not _has_ended(row, at, services.settings.date_rules)]
    await each(running, lambda row: _end(services, row, at, context), at_once=len(running))
    for row in running:
        entry = entry_of(replace(row, end_date=at), Action.REGISTER_END, context.by, at)
        entry = replace(
            entry, user=user_id, run=context.run_id, outcome=EntryOutcome.ENDED, note=context.note
        )
        await services.ledger.append(row.group_id, [entry])
    return running


async def _end(services: Services, row: RegisterRow, at: datetime, context: Context) -> None:
    ended = f"offboarded at {instant(at)} by {context.actor}: {context.note[:1000]}"
    start = None
    if _begins_later(row, at, services.settings.date_rules):
        ended, start = f"{ended} (StartDate was {dates.written(row.start_date)})", ""
    note = f"{row.note[:2000]} | {ended}" if row.note else ended
    await services.register.end(row.group_id, row.row_key, at, note, start_date=start)


def _begins_later(row: RegisterRow, at: datetime, rules: DateRules) -> bool:
    try:
        return rules.begins_at(row.start_date) >= at
    except UnreadableDateError:
        return False


def _has_ended(row: RegisterRow, at: datetime, rules: DateRules) -> bool:
    read = read_row(row, rules)
    return isinstance(read, Contractor) and read.is_due(at)


async def find_row(services: Services, user: str, group_id: str = "") -> RegisterRow:
    """Find a row by its key, or by any name that Entra has for the person.

    It says nothing about people without a row, not even whether Entra knows them.

    Raises:
        NotFoundError: There is none.
        AmbiguousError: There are several; the group or the row's key must be given.
    """
    groups = chosen_groups(services.settings, group_id)
    found = await _rows(services, {normalised(user)}, groups)
    if not found:
        with suppress(NotFoundError, AmbiguousError):
            person = await services.directory.find(user)
            found = await _rows(services, person.names, groups)
    if not found:
        raise NotFoundError(f"{user} has no row in the register", field="user")
    require_one(found, user)
    return found[0]


def chosen_group(settings: Settings, group_id: str) -> str:
    """Return the managed group that is meant.

    Raises:
        InputError: It is not managed, or none was given and there are several.
    """
    if group_id.lower() in settings.group_ids:
        return group_id.lower()
    managed = ", ".join(settings.group_ids)
    if group_id:
        raise InputError(f"{group_id} is not a managed group; use one of {managed}", field="group_id")
    if len(settings.group_ids) > 1:
        raise InputError(f"there are several managed groups; name one of {managed}", field="group_id")
    return settings.group_ids[0]


def chosen_groups(settings: Settings, group_id: str) -> tuple[str, ...]:
    """Return the managed group that is meant, or all if none is given. Raises: as `chosen_group`."""
    return (chosen_group(settings, group_id),) if group_id else settings.group_ids


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


def _require_running(services: Services, before: RegisterRow | None, end: object, allowed: Allowed) -> None:
    """Make sure that nobody ends access in the past by mistake. An end that is over may be corrected.

    Raises:
        InputError: Names the end, and what allows it.
    """
    rules, now = services.settings.date_rules, services.now()
    over = rules.ends_at(end) <= now
    if over and not allowed.past and not (before and _has_ended(before, now, rules)):
        raise InputError(
            f"the end date {dates.written(end)} is over, so access would end at once; to write it"
            " nevertheless, say --past (`past` in the API)",
            field="end_date",
        )


def _require_texts(row: RegisterRow) -> None:
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


def entry_of(row: RegisterRow, action: Action, actor: Actor, at: datetime) -> Entry:
    """Return the ledger entry for a change to a row."""
    return Entry(
        at=instant(at),
        actor=actor.id,
        actor_name=actor.name,
        action=action,
        group=row.group_id,
        user=row.row_key if is_object_id(row.row_key) else "",
        row_key=row.row_key,
        end_date=dates.written(row.end_date) if row.end_date else "",
        outcome=EntryOutcome.WRITTEN if action is not Action.REGISTER_REMOVE else EntryOutcome.REMOVED,
    )


def key_problem(key: str) -> str:
    """Return what is wrong with a row's key; empty if nothing is."""
    if problem := keys.problem(key):
        return f"the user {problem}"
    if len(key) > _LONGEST_KEY:
        return f"{key!r:.80} has more than {_LONGEST_KEY} characters"
    wrong = sorted(_FORBIDDEN_IN_KEYS & set(key))
    return f"{key!r:.80} contains {' '.join(wrong)}, which Table Storage forbids in keys" if wrong else ""


async def _whom(
    services: Services, user: str, group_id: str, allowed: Allowed
) -> tuple[str, Collection[str], str]:
    """Return the object ID of a person, the keys that their row may have, and their display name.

    Whom Entra does not know goes by the key of their row.
    """
    try:
        person = await services.directory.find(user)
    except NotFoundError as error:
        key = normalised(user)
        if not (await _rows(services, {key}, (group_id,)) or allowed.unknown):
            raise NotFoundError(
                f"{error}; to register them nevertheless, say --unknown (`unknown` in the API)",
                field="user",
            ) from error
        if problem := key_problem(key):
            raise InputError(problem, field="user") from error
        return key, {key}, ""
    return person.id, person.names, person.display_name


async def _save(services: Services, row: RegisterRow, action: Action, actor: Actor) -> RegisterRow:
    """Write the row and return all of it, including what it already contained."""
    await services.register.save(row)
    await _note(services, row, action, actor)
    return await services.register.whole_row(row.group_id, row.row_key) or row


async def _rows(services: Services, names: Collection[str], groups: Sequence[str]) -> list[RegisterRow]:
    return [row for group_id in groups for row in await services.register.named(group_id, names)]


async def _note(services: Services, row: RegisterRow, action: Action, actor: Actor) -> None:
    await services.ledger.append(row.group_id, [entry_of(row, action, actor, services.now())])
