"""`/people/{user}`: everything known about one person, from the register, the records and Entra."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from enforcer.core.contractors import ReadRow
from enforcer.core.exceptions import EnforcerError, InputError, NotFoundError, UnavailableError
from enforcer.core.keys import is_key, is_object_id, normalised, trimmed
from enforcer.core.ledger import Entry
from enforcer.core.members import Person
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.graph.memberships import groups_having
from enforcer.register.reading import read_register
from enforcer.services import Services
from enforcer.storage.tables.lookups import history
from enforcer.web.calls import Call

_LONGEST_NAME = 1024  # a RowKey
_ENTRA_SECONDS = 6.0
_HISTORY_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InEntra:
    """What Entra says about somebody.

    Attributes:
        person: None where Entra knows nobody of that name, or did not answer.
        groups: The managed groups of which they are a member.
        trouble: Why Entra did not answer; empty where it did.
    """

    person: Person | None = None
    groups: frozenset[str] = frozenset()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """What is on record about a person in one managed group: their row, and what was done when it ended."""

    group_id: str
    row: ReadRow | None
    record: OffboardingRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything known about one person.

    Attributes:
        name: The name in the path.
        history: The newest entry first; None where the ledger did not answer in time.
    """

    name: str
    entra: InEntra
    engagements: tuple[Engagement, ...]
    history: tuple[Entry, ...] | None

    @property
    def rows(self) -> list[ReadRow]:
        return [item.row for item in self.engagements if item.row is not None]

    @property
    def is_contractor(self) -> bool:
        """Whether there is a row or a record, or they are a member of a managed group."""
        return bool(self.engagements or self.entra.groups)

    @property
    def object_id(self) -> str:
        return self.entra.person.id if self.entra.person else ""


def name_in_path(call: Call) -> str:
    """Return the name in the path.

    Raises:
        NotFoundError: Nothing can have that name.
    """
    name = call.request.parameters.get("user", "").strip()
    if not name or len(name) > _LONGEST_NAME or re.search(r"[\x00-\x1f\x7f]", name):
        raise NotFoundError("nobody has that name", field="user")
    return name


async def read_person(services: Services, name: str) -> Known:
    """Read everything known about the person whom a row's key, an object ID or an address means.

    Raises:
        NotFoundError: Neither the register nor Entra knows anybody of that name.
        RunError, UnavailableError: The tables could not be read.
    """
    register, entra = await asyncio.gather(
        read_register(services, services.settings.group_ids), _ask_entra(services, name)
    )
    # As the register has it in a link, or as somebody typed it.
    names = {normalised(name), normalised(trimmed(name)), *(entra.person.names if entra.person else ())}
    rows = [row for row in register if normalised(row.row_key) in names]
    engagements = await _engagements(services, rows, entra.person.id if entra.person else normalised(name))
    if not engagements and entra.person is None and not entra.trouble:
        raise NotFoundError(f"there is no contractor {name!r:.80}", field="user")
    keys = {row.row_key for row in rows} | {item for item in names if is_object_id(item)}
    return Known(
        name=name,
        entra=entra,
        engagements=tuple(engagements),
        history=await _history(services, keys),
    )


async def _history(services: Services, keys: Collection[str]) -> tuple[Entry, ...] | None:
    """Read somebody's history; a very long ledger must not keep them from being offboarded."""
    try:
        async with asyncio.timeout(_HISTORY_SECONDS):
            entries = await asyncio.gather(
                *(history(services.tables, group_id, keys) for group_id in services.settings.group_ids)
            )
    except (UnavailableError, TimeoutError):
        return None
    oldest_first = sorted((entry for group in entries for entry in group), key=lambda entry: entry.at)
    return tuple(reversed(oldest_first))


async def _ask_entra(services: Services, name: str) -> InEntra:
    """Ask Entra; if it does not answer, the rest of the page is still shown."""
    name = trimmed(name)
    if not is_key(name):
        return InEntra()
    try:
        async with asyncio.timeout(_ENTRA_SECONDS):
            person = await services.directory.find(name)
            groups = await groups_having(services.graph, person.id, services.settings.group_ids)
    except NotFoundError:
        return InEntra()
    except InputError as error:
        return InEntra(trouble=str(error))
    except (EnforcerError, TimeoutError) as error:
        return InEntra(trouble=f"Entra does not answer. {error}".strip())
    return InEntra(person=person, groups=frozenset(groups))


async def _engagements(services: Services, rows: Sequence[ReadRow], user: str) -> list[Engagement]:
    engagements = [
        Engagement(
            group_id=row.written.group_id,
            row=row,
            record=await services.records.get(row.written.group_id, row.row_key),
        )
        for row in rows
    ]
    without_row = set(services.settings.group_ids) - {item.group_id.lower() for item in engagements}
    for group_id in services.settings.group_ids:
        # Whoever was offboarded without a row is on record under their object ID.
        if group_id in without_row and is_object_id(user):
            record = await services.records.get(group_id, user)
            if record is not None:
                engagements.append(Engagement(group_id=group_id, row=None, record=record))
    return engagements
