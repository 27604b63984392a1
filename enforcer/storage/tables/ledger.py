"""Table `ledger`: the append-only, hash-chained record of every action.

New entries and the head of the chain change in one entity group transaction, on condition that the head is
still the one they were chained to: two writers never fork a chain.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING

import msgspec

from enforcer.core.begun_entries import read_begun, window_of
from enforcer.core.brake import Window
from enforcer.core.exceptions import UnavailableError
from enforcer.core.ledger import Action, Entry, Head, Link
from enforcer.storage.tables.ledger_rows import (
    HEAD,
    WINDOW,
    key_of,
    link_entity,
    read_head,
    read_link,
    read_window,
)
from enforcer.storage.tables.tables import TRANSACTION_SIZE, Tables
from enforcer.storage.tables.write_coalescer import WriteCoalescer
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import LedgerAppended

if TYPE_CHECKING:
    from azure.data.tables import TableEntity

TABLE = "ledger"
_CONFLICTS = frozenset({404, 409, 412})
_TRIES = 50
# One operation of the transaction is the head's, and one may be the entry that tells of a lost head.
_MOST_ENTRIES = TRANSACTION_SIZE - 2
# Of entries with long lists of people, a transaction takes fewer: its body stays below a megabyte.
_MOST_LISTS = 25
# The head's window is compared with the newest entries: more than a day's, in a few pages.
_NEWEST, _LAST = 5_000, 10**12 - 1
_log = logging.getLogger(__name__)

type Decide = Callable[[Window, Head], tuple[list[Entry], Window] | None]
"""Given the brake's window and the head, return what to append and the new window; None to append nothing."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the chain goes on; the rest of the head's row is kept where its contents are to be trusted."""

    head: Head
    etag: str
    mode: str = "merge"


class Ledger:
    """Appends entries to a group's chain and reads them back."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._writer = secrets.token_hex(4)
        self._heads: dict[str, _Place] = {}
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

    async def append_decided(self, group_id: str, decide: Decide) -> Link | None:
        """Append what follows from the brake's window, in one step with reading it.

        Whoever else writes meanwhile makes the decision void, and it is taken again: two who would each let
        nine people through do not let eighteen through together.

        Returns:
            The first entry appended; None if the decision was to append nothing.

        Raises:
            AccessDeniedError, UnavailableError: As `append`.
        """
        for attempt in range(_TRIES):
            place, window = await self._read_head_and_window(group_id)
            if (decided := decide(window, place.head)) is None:
                return None
            entries, window = decided
            first, *rest = batched(entries, _MOST_LISTS, strict=False)
            links = place.head.extended([entry.storable() for entry in first], self._writer)
            if await self._is_submitted(group_id, links, place, window):
                for more in rest:
                    await self.append(group_id, list(more))
                return links[0]
            if resumption := await self._resumption(group_id, place, entries[0]):
                await self._write(group_id, [resumption])
            await _wait(attempt)
        raise _outrun(group_id)

    async def window(self, group_id: str) -> Window:
        """Return whom the brake has let through in the group."""
        return (await self._read_head_and_window(group_id))[1]

    async def remembered(self, group_id: str) -> tuple[Head, Window | None]:
        """Return the head with the brake's window as it is stored; None where it cannot be read."""
        found = await self._head_entity(group_id)
        return (Head(), None) if found is None else (read_head(found), read_window(found))

    async def _read_head_and_window(self, group_id: str) -> tuple[_Place, Window]:
        """Read the head; a window that is not there, or says less than the entries, is recreated from them.

        Whoever may write the table could empty it otherwise, and the brake would let as many people through
        again.
        """
        found = await self._head_entity(group_id)
        if found is None:
            return _Place(Head(), ""), await self._window_of(group_id)
        head, window = read_head(found), read_window(found)
        newest = await self._window_of(group_id, head.sequence - _NEWEST, head.sequence)
        if window is None or not window.covers(newest):
            if window is not None:
                _log.error("the head of ledger %s says less about the brake than its entries", group_id)
            window = await self._window_of(group_id)
        return _Place(head, str(found.metadata["etag"])), window

    async def _window_of(self, group_id: str, first: int = 0, last: int = _LAST) -> Window:
        """Recreate the brake's window from these entries, by default all."""
        query = "PartitionKey eq @group and RowKey ge @first and RowKey le @last and Action eq @begin"
        parameters = {
            "group": group_id,
            "first": key_of(max(first, 0)),
            "last": key_of(last),
            "begin": Action.BEGIN.value,
        }
        async with self._tables.table(TABLE) as table:
            found = table.query_entities(query, parameters=parameters)
            entries = [read_begun(read_link(entity)) async for entity in found]
        return window_of(entry for entry in entries if entry is not None)

    async def links(self, group_id: str) -> AsyncIterator[Link]:
        """Yield a group's chain from its beginning."""
        async with self._tables.table(TABLE) as table:
            found = table.query_entities("PartitionKey eq @group", parameters={"group": group_id})
            async for entity in found:
                if entity["RowKey"] != HEAD:
                    yield read_link(entity)

    async def head(self, group_id: str) -> Head:
        return (await self._read_head(group_id)).head

    async def group_ids(self) -> list[str]:
        """Return the groups that have a chain, managed or not, in the order of their IDs.

        One whose head was deleted is not among them.
        """
        async with self._tables.table(TABLE) as table:
            heads = table.query_entities(
                "RowKey eq @head", parameters={"head": HEAD}, select=["PartitionKey"]
            )
            return sorted([entity["PartitionKey"] async for entity in heads])

    async def _write(self, group_id: str, entries: list[Entry]) -> None:
        for attempt in range(_TRIES):
            place = self._heads.pop(group_id, None) or await self._read_head(group_id)
            if await self._is_submitted(group_id, place.head.extended(entries, self._writer), place):
                return
            if resumption := await self._resumption(group_id, place, entries[0]):
                entries = [resumption, *entries]
            await _wait(attempt)
        raise _outrun(group_id)

    async def _is_submitted(
        self, group_id: str, links: list[Link], place: _Place, window: Window | None = None
    ) -> bool:
        """Write the links after their head; return False if that must be tried again.

        If the answer was lost, or the call was repeated, an attempt may have taken effect: so the table is
        read.
        """
        from azure.core.exceptions import HttpResponseError

        try:
            self._heads[group_id] = await self._submit(group_id, links, place, window)
        except HttpResponseError as error:
            if error.status_code not in _CONFLICTS:
                raise
            if not await self._is_written(group_id, links[-1]):
                return False
        except UnavailableError:
            if not await self._is_written(group_id, links[-1]):
                raise
        last = links[-1]
        emit(LedgerAppended(group_id=group_id, sequence=last.sequence, hash=last.hash))
        return True

    async def _is_written(self, group_id: str, last: Link) -> bool:
        from azure.core.exceptions import ResourceNotFoundError

        async with self._tables.table(TABLE) as table:
            try:
                found = await table.get_entity(group_id, key_of(last.sequence))
            except ResourceNotFoundError:
                return False
            return bool(found.get("Hash") == last.hash)

    async def _resumption(self, group_id: str, place: _Place, waiting: Entry) -> Entry | None:
        """After a conflict that no other writer explains, go on after the last entry that is there.

        Whoever deletes or turns back the head would otherwise stop every offboarding from then on. Checks
        name the place, and the entry that is given here, to be written first, tells why.
        """
        head = place.head
        if (await self._read_head(group_id)).etag != place.etag:
            return None
        last = Head()
        async for link in self.links(group_id):
            if link.sequence > last.sequence:
                last = Head(link.sequence, link.hash)
        if last.sequence <= head.sequence:
            return None
        # Without a window: what the head said of it is as old as the rest.
        self._heads[group_id] = _Place(last, place.etag, mode="replace")
        outcome = f"the head named entry {head.sequence}; the last entry found is {last.sequence}"
        return Entry(
            at=waiting.at,
            actor=waiting.actor,
            action=Action.RESUME,
            group=group_id,
            run=waiting.run,
            outcome=outcome,
        )

    async def _submit(self, group_id: str, links: list[Link], place: _Place, window: Window | None) -> _Place:
        from azure.core import MatchConditions

        head = Head(links[-1].sequence, links[-1].hash)
        entity = {
            "PartitionKey": group_id,
            "RowKey": HEAD,
            "Sequence": head.sequence,
            "Hash": head.hash,
        }
        if window is not None:
            entity[WINDOW] = msgspec.json.encode(window.batches).decode()
        condition = {
            "etag": place.etag,
            "match_condition": MatchConditions.IfNotModified,
            "mode": place.mode,
        }
        head_operation = ("update", entity, condition) if place.etag else ("create", entity)
        operations = [("create", link_entity(group_id, link)) for link in links]
        async with self._tables.table(TABLE) as table:
            results = await table.submit_transaction([*operations, head_operation])
        return _Place(head, results[-1]["etag"])

    async def _read_head(self, group_id: str) -> _Place:
        found = await self._head_entity(group_id)
        return _Place(Head(), "") if found is None else _Place(read_head(found), str(found.metadata["etag"]))

    async def _head_entity(self, group_id: str) -> TableEntity | None:
        from azure.core.exceptions import ResourceNotFoundError

        async with self._tables.table(TABLE) as table:
            try:
                return await table.get_entity(group_id, HEAD)
            except ResourceNotFoundError:
                return None


async def _wait(attempt: int) -> None:
    """Wait after another writer has won: all retry spread out, not at once."""
    await asyncio.sleep(random.uniform(0, 0.02 * min(attempt, 10)))  # noqa: S311


def _outrun(group_id: str) -> UnavailableError:
    return UnavailableError(f"ledger of {group_id}: another writer was faster {_TRIES} times")
