"""Adds, extends, ends and removes rows of the register on request."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from enforcer.concurrency import each
from enforcer.core.actors import Actor
from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import UnreadableDateError, instant
from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import AmbiguousError, InputError, NotFoundError
from enforcer.core.keys import is_object_id, normalised
from enforcer.core.ledger import Action, Entry, EntryOutcome
from enforcer.core.ledger_entries import Context
from enforcer.core.settings import Settings
from enforcer.register.allowed import NOTHING_MORE, Allowed
from enforcer.register.permission import require_others, require_right
from enforcer.register.requirements import (
    has_ended,
    key_problem,
    require_after_start,
    require_dates,
    require_one,
    require_running,
    require_texts,
)
from enforcer.services import Services


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
    require_texts(wanted)
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
    require_running(services, before, row.end_date, allowed)
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
    require_running(services, row, end, allowed)
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
    running = [row for row in rows if not has_ended(row, at, services.settings.date_rules)]
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
