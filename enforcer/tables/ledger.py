"""Table `ledger`: the append-only, hash-chained record of every action.

New entries and the head of the chain change in one entity group transaction, on condition that the head is
still the one they were chained to: two writers never fork a chain.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from enforcer.core.ledger import Action, Entry, Head, Link
from enforcer.exceptions import UnavailableError
from enforcer.tables.commits import GroupCommit
from enforcer.tables.storage import TRANSACTION_SIZE, Entity, Tables

TABLE = "ledger"
_HEAD = "head"
_CONFLICTS = frozenset({404, 409, 412})
_TRIES = 50


class Ledger:
    """Appends entries to a group's chain and reads them back."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._heads: dict[str, tuple[Head, str]] = {}
        self._commits: dict[str, GroupCommit[Entry]] = {}

    async def append(self, group_id: str, entries: list[Entry]) -> None:
        """Append the entries; on return they are durable."""
        if group_id not in self._commits:
            # One operation of the transaction is the head's.
            self._commits[group_id] = GroupCommit(
                lambda items: self._write(group_id, items), most=TRANSACTION_SIZE - 1
            )
        await self._commits[group_id].add(entries)

    async def links(self, group_id: str) -> AsyncIterator[Link]:
        """Give a group's chain from its beginning."""
        async with self._tables.table(TABLE) as table:
            found = table.query_entities("PartitionKey eq @group", parameters={"group": group_id})
            async for entity in found:
                if entity["RowKey"] != _HEAD:
                    yield _link(entity)

    async def head(self, group_id: str) -> Head:
        return (await self._read_head(group_id))[0]

    async def _write(self, group_id: str, entries: list[Entry]) -> None:
        from azure.core.exceptions import HttpResponseError  # noqa: PLC0415

        for _ in range(_TRIES):
            head, etag = self._heads.get(group_id) or await self._read_head(group_id)
            links = head.extended(entries)
            try:
                self._heads[group_id] = await self._submit(group_id, links, etag)
            except HttpResponseError as error:
                self._heads.pop(group_id, None)
                if error.status_code not in _CONFLICTS:
                    raise
                if await self._is_written(group_id, links[-1]):
                    return
            except BaseException:
                self._heads.pop(group_id, None)
                raise
            else:
                return
        raise UnavailableError(f"ledger of {group_id}: another writer was faster {_TRIES} times")

    async def _is_written(self, group_id: str, last: Link) -> bool:
        """Tell whether the faster writer was ourselves: its answer was lost and the SDK repeated it."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415

        async with self._tables.table(TABLE) as table:
            try:
                found = await table.get_entity(group_id, _row_key(last.sequence))
            except ResourceNotFoundError:
                return False
            return bool(found.get("Hash") == last.hash)

    async def _submit(self, group_id: str, links: list[Link], etag: str) -> tuple[Head, str]:
        from azure.core import MatchConditions  # noqa: PLC0415

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
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415

        async with self._tables.table(TABLE) as table:
            try:
                found = await table.get_entity(group_id, _HEAD)
            except ResourceNotFoundError:
                return Head(), ""
            return Head(int(found["Sequence"]), found["Hash"]), str(found.metadata["etag"])


def _row_key(sequence: int) -> str:
    return f"{sequence:012d}"


_PROPERTIES = {
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


def _entity(group_id: str, link: Link) -> Entity:
    entity: Entity = {"PartitionKey": group_id, "RowKey": _row_key(link.sequence)}
    for field, column in _PROPERTIES.items():
        entity[column] = str(getattr(link.entry, field))
    entity["Previous"], entity["Hash"] = link.previous, link.hash
    return entity


def _link(entity: Entity) -> Link:
    values = {field: str(entity.get(column, "")) for field, column in _PROPERTIES.items()}
    return Link(
        sequence=int(entity["RowKey"]) if str(entity["RowKey"]).isdigit() else -1,
        entry=Entry(action=_action(values.pop("action")), **values),
        previous=str(entity.get("Previous", "")),
        hash=str(entity.get("Hash", "")),
    )


def _action(text: str) -> Action:
    try:
        return Action(text)
    except ValueError:
        # Somebody has changed it; the chain's check has to see it as it is.
        return text  # type: ignore[return-value]
