"""Table `ledger`: the append-only, hash-chained record of every action.

New entries and the head of the chain change in one entity group transaction, on condition that the head is
still the one they were chained to: two writers never fork a chain.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from functools import partial

from enforcer.core.exceptions import UnavailableError
from enforcer.core.ledger import Action, Entry, Head, Link
from enforcer.storage.tables.tables import TRANSACTION_SIZE, Entity, Tables
from enforcer.storage.tables.write_coalescer import WriteCoalescer

TABLE = "ledger"
_HEAD = "head"
_CONFLICTS = frozenset({404, 409, 412})
_TRIES = 50
# One operation of the transaction is the head's, and one may be the entry that tells of a lost head.
_MOST_ENTRIES = TRANSACTION_SIZE - 2


class Ledger:
    """Appends entries to a group's chain and reads them back."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._writer = secrets.token_hex(4)
        self._heads: dict[str, tuple[Head, str]] = {}
        self._commits: dict[str, WriteCoalescer[Entry]] = {}

    async def append(self, group_id: str, entries: list[Entry]) -> None:
        """Append the entries; on return they are durable.

        Raises:
            AccessDeniedError, UnavailableError: Storage refuses, or does not answer. The entries may still
                have been written.
        """
        if group_id not in self._commits:
            self._commits[group_id] = WriteCoalescer(partial(self._write, group_id), most=_MOST_ENTRIES)
        await self._commits[group_id].add([entry.storable() for entry in entries])

    async def links(self, group_id: str) -> AsyncIterator[Link]:
        """Yield a group's chain from its beginning."""
        async with self._tables.table(TABLE) as table:
            found = table.query_entities("PartitionKey eq @group", parameters={"group": group_id})
            async for entity in found:
                if entity["RowKey"] != _HEAD:
                    yield read_link(entity)

    async def head(self, group_id: str) -> Head:
        return (await self._read_head(group_id))[0]

    async def group_ids(self) -> list[str]:
        """Return the groups that have a chain, managed or not, in the order of their IDs.

        One whose head was deleted is not among them.
        """
        async with self._tables.table(TABLE) as table:
            heads = table.query_entities(
                "RowKey eq @head", parameters={"head": _HEAD}, select=["PartitionKey"]
            )
            return sorted([entity["PartitionKey"] async for entity in heads])

    async def _write(self, group_id: str, entries: list[Entry]) -> None:
        for attempt in range(_TRIES):
            known = self._heads.pop(group_id, None)
            head, etag = known or await self._read_head(group_id)
            if await self._is_submitted(group_id, head.extended(entries, self._writer), etag):
                return
            if resumption := await self._resumption(group_id, head, etag, entries[0]):
                entries = [resumption, *entries]
            # One writer has won; the others retry spread out, not all at once.
            await asyncio.sleep(random.uniform(0, 0.02 * min(attempt, 10)))  # noqa: S311
        raise UnavailableError(f"ledger of {group_id}: another writer was faster {_TRIES} times")

    async def _is_submitted(self, group_id: str, links: list[Link], etag: str) -> bool:
        """Write the links after their head; return False if that must be tried again.

        If the answer was lost, or the call was repeated, an attempt may have taken effect: so the table is
        read.
        """
        from azure.core.exceptions import HttpResponseError

        try:
            self._heads[group_id] = await self._submit(group_id, links, etag)
        except HttpResponseError as error:
            if error.status_code not in _CONFLICTS:
                raise
        except UnavailableError:
            if not await self._is_written(group_id, links[-1]):
                raise
            return True
        else:
            return True
        return await self._is_written(group_id, links[-1])

    async def _is_written(self, group_id: str, last: Link) -> bool:
        from azure.core.exceptions import ResourceNotFoundError

        async with self._tables.table(TABLE) as table:
            try:
                found = await table.get_entity(group_id, _row_key(last.sequence))
            except ResourceNotFoundError:
                return False
            return bool(found.get("Hash") == last.hash)

    async def _resumption(self, group_id: str, head: Head, etag: str, waiting: Entry) -> Entry | None:
        """After a conflict that no other writer explains, go on after the last entry that is there.

        Whoever deletes or turns back the head would otherwise stop every offboarding from then on. Checks
        name the place, and the entry that is given here, to be written first, tells why.
        """
        if (await self._read_head(group_id))[1] != etag:
            return None
        last = Head()
        async for link in self.links(group_id):
            if link.sequence > last.sequence:
                last = Head(link.sequence, link.hash)
        if last.sequence <= head.sequence:
            return None
        self._heads[group_id] = last, etag
        outcome = f"the head named entry {head.sequence}; the last entry found is {last.sequence}"
        return Entry(
            at=waiting.at,
            actor=waiting.actor,
            action=Action.RESUME,
            group=group_id,
            run=waiting.run,
            outcome=outcome,
        )

    async def _submit(self, group_id: str, links: list[Link], etag: str) -> tuple[Head, str]:
        from azure.core import MatchConditions

        head = Head(links[-1].sequence, links[-1].hash)
        entity = {
            "PartitionKey": group_id,
            "RowKey": _HEAD,
            "Sequence": head.sequence,
            "Hash": head.hash,
        }
        condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified, "mode": "replace"}
        head_operation = ("update", entity, condition) if etag else ("create", entity)
        operations = [("create", _entity(group_id, link)) for link in links]
        async with self._tables.table(TABLE) as table:
            results = await table.submit_transaction([*operations, head_operation])
        return head, results[-1]["etag"]

    async def _read_head(self, group_id: str) -> tuple[Head, str]:
        from azure.core.exceptions import ResourceNotFoundError

        async with self._tables.table(TABLE) as table:
            try:
                found = await table.get_entity(group_id, _HEAD)
            except ResourceNotFoundError:
                return Head(), ""
            return _head(found), str(found.metadata["etag"])


def _row_key(sequence: int) -> str:
    return f"{sequence:012d}"


_COLUMNS = {
    "at": "At",
    "actor": "Actor",
    "action": "Action",
    "group": "Group",
    "user": "User",
    "row_key": "ContractorKey",
    "run": "RunId",
    "end_date": "EndDate",
    "due_at": "DueAt",
    "outcome": "Outcome",
    "request_id": "RequestId",
    "note": "Note",
}
_ALL_COLUMNS = {"PartitionKey", "RowKey", *_COLUMNS.values(), "Previous", "Hash", "Writer"}
# Only of actors who have a name: entries of earlier versions have no such column.
_NAME = "ActorName"


def _entity(group_id: str, link: Link) -> Entity:
    entity: Entity = {"PartitionKey": group_id, "RowKey": _row_key(link.sequence)}
    for field, column in _COLUMNS.items():
        entity[column] = str(getattr(link.entry, field))
    if link.entry.actor_name:
        entity[_NAME] = link.entry.actor_name
    entity["Previous"], entity["Hash"], entity["Writer"] = link.previous, link.hash, link.writer
    return entity


def read_link(entity: Entity) -> Link:
    """Read a link from the table, however damaged it is."""
    values = {field: str(entity.get(column, "")) for field, column in _COLUMNS.items()}
    row_key = str(entity["RowKey"])
    return Link(
        sequence=int(row_key) if row_key.isascii() and row_key.isdigit() else -1,
        entry=Entry(action=_action(values.pop("action")), actor_name=str(entity.get(_NAME, "")), **values),
        previous=str(entity.get("Previous", "")),
        hash=str(entity.get("Hash", "")),
        writer=str(entity.get("Writer", "")),
        damage=_damage(entity, row_key),
    )


def _action(text: str) -> Action:
    try:
        return Action(text)
    except ValueError:
        return Action.UNREADABLE


def _damage(entity: Entity, row_key: str) -> str:
    """Return damage that the hash does not show: extra or missing columns, or columns of another type."""
    if not (row_key.isascii() and row_key.isdigit() and row_key == _row_key(int(row_key))):
        return f"is followed by a row with the key {row_key!r:.50}, which is not an entry's"
    if wrong := sorted((entity.keys() - {_NAME}) ^ _ALL_COLUMNS):
        return f"was changed after it was written: it has too many or too few columns ({', '.join(wrong)})"
    wrong = sorted(name for name, value in entity.items() if not isinstance(value, str))
    return f"was changed after it was written: no text in {', '.join(wrong)}" if wrong else ""


def _head(entity: Entity) -> Head:
    """Read the head; an unreadable one counts as missing."""
    sequence = entity.get("Sequence")
    return Head(sequence, str(entity.get("Hash", ""))) if isinstance(sequence, int) else Head()
