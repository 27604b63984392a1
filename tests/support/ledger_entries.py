"""Entries to append, a check of their chain, and ways to tamper with the table."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from enforcer.core.ledger import Action, Anchor, Break, Entry, first_break
from enforcer.storage.tables.ledger import TABLE, Ledger
from enforcer.storage.tables.tables import Tables


def entry(group: str, outcome: str, note: str = "why", actor: str = "timer") -> Entry:
    return Entry(
        at="2026-11-23T00:30:00Z",
        actor=actor,
        action=Action.REMOVE,
        group=group,
        user="11111111-2222-3333-4444-555555555555",
        row_key="ada@contoso.com",
        run="20261123T003000-aaaaaa",
        end_date="2026-11-22",
        due_at="2026-11-23T00:00:00Z",
        outcome=outcome,
        request_id="6a3f",
        note=note,
    )


async def append_each(ledger: Ledger, group: str, *outcomes: str) -> None:
    """Append an entry for each outcome, one by one."""
    for outcome in outcomes:
        await ledger.append(group, [entry(group, outcome)])


async def break_in(ledger: Ledger, group: str, anchors: Iterable[Anchor] = ()) -> Break | None:
    """Check a group's chain as an audit does."""
    return await first_break(group, ledger.links(group), partial(ledger.head, group), anchors)


async def row(tables: Tables, group: str, sequence: int) -> dict[str, Any]:
    async with tables.table(TABLE) as table:
        return dict(await table.get_entity(group, key(sequence)))


async def change(tables: Tables, group: str, sequence: int, **columns: Any) -> None:
    await _update(tables, group, key(sequence), columns)


async def forge_head(tables: Tables, group: str, **columns: Any) -> None:
    await _update(tables, group, "head", columns)


async def delete(tables: Tables, group: str, row_key: str) -> None:
    async with tables.table(TABLE) as table:
        await table.delete_entity(group, row_key)


def key(sequence: int) -> str:
    """Return the row key of an entry."""
    return f"{sequence:012d}"


async def _update(tables: Tables, group: str, row_key: str, columns: dict[str, Any]) -> None:
    async with tables.table(TABLE) as table:
        await table.update_entity({"PartitionKey": group, "RowKey": row_key, **columns})
