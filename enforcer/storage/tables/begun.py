"""Whom the brake has let through, as the ledger says: cheap to read, however long the ledger is."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from enforcer.concurrency import each
from enforcer.core.begun_entries import Begun, follow
from enforcer.core.ledger import Action, Entry, Link
from enforcer.storage.tables.ledger import TABLE, Ledger
from enforcer.storage.tables.ledger_rows import key_of, read_link
from enforcer.storage.tables.tables import Tables

_READS_AT_ONCE = 8
# What names people whom the brake let through, and what says that it was carried out. The service filters:
# of a night with thousands of removals, this is less than half of the entries.
_ACTIONS = (Action.BEGIN, Action.REMOVE, Action.WITHDRAW, Action.ADD)


async def read_begun_facts(
    tables: Tables, ledger: Ledger, group_id: str, now: datetime, named: Collection[int] = ()
) -> Begun:
    """Read the brake's window, the entries since its first one, and older ones that records name.

    Args:
        tables: Where the ledger is.
        ledger: It, which has the window.
        group_id: The managed group.
        now: The instant (UTC).
        named: The sequences that records of unfinished offboardings name.

    Raises:
        AccessDeniedError, UnavailableError: Storage refuses, or does not answer.
    """
    window = await ledger.window(group_id)
    first = window.lately(now).sequence
    links = await _since(tables, group_id, first) if first else []
    known = {link.sequence for link in links}
    older = await _read(tables, group_id, sorted({one for one in named if one > 0} - known))
    return follow(window, links, older)


async def begun_since(tables: Tables, group_id: str, sequence: int) -> Begun:
    """Read whom the brake has let through since this entry."""
    return follow(Begun().window, await _since(tables, group_id, sequence))


async def register_changes(tables: Tables, group_id: str, sequence: int) -> list[Entry]:
    """Read who has changed the group's rows through the enforcer after this entry."""
    query = (
        "PartitionKey eq @group and RowKey gt @first and RowKey lt @end and Action ge @from and Action lt @to"
    )
    parameters = {
        "group": group_id,
        "first": key_of(sequence),
        "end": "a",
        "from": "register_",
        "to": "register`",
    }
    async with tables.table(TABLE) as table:
        found = table.query_entities(query, parameters=parameters)
        return [read_link(entity).entry async for entity in found]


async def _since(tables: Tables, group_id: str, sequence: int) -> list[Link]:
    wanted = {f"action{number}": action.value for number, action in enumerate(_ACTIONS)}
    of_action = " or ".join(f"Action eq @{name}" for name in wanted)
    query = f"PartitionKey eq @group and RowKey ge @first and RowKey lt @end and ( {of_action} )"
    parameters = {"group": group_id, "first": key_of(sequence), "end": "a", **wanted}
    async with tables.table(TABLE) as table:
        return [read_link(entity) async for entity in table.query_entities(query, parameters=parameters)]


async def _read(tables: Tables, group_id: str, sequences: Collection[int]) -> list[Link]:
    links: list[Link] = []

    async def read(sequence: int) -> None:
        if (link := await read_one(tables, group_id, sequence)) is not None:
            links.append(link)

    await each(sequences, read, at_once=_READS_AT_ONCE)
    return links


async def read_one(tables: Tables, group_id: str, sequence: int) -> Link | None:
    """Read one entry; None if there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    async with tables.table(TABLE) as table:
        try:
            return read_link(await table.get_entity(group_id, key_of(sequence)))
        except ResourceNotFoundError:
            return None
