"""Table queries that only the operators' page needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from enforcer.core.ledger import Entry
from enforcer.storage.tables import ledger, ledger_rows, plans
from enforcer.storage.tables.tables import Entity, Tables, text


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPerson:
    """Somebody whom a held plan would offboard (without a row, `row_key` is empty) or add (no `user_id`)."""

    user_id: str
    row_key: str
    end_date: str


async def held_people(tables: Tables, digest: str) -> list[HeldPerson]:
    """Return everyone in a held plan."""
    async with tables.table(plans.TABLE) as table:
        found = table.query_entities(
            "PartitionKey eq @digest and RowKey ne 'plan'", parameters={"digest": digest}
        )
        return [_held_person(dict(entity)) async for entity in found]


async def history(tables: Tables, group_id: str, keys: Iterable[str]) -> list[Entry]:
    """Return a group's ledger entries about a person, the oldest first.

    Args:
        tables: Where the ledger is.
        group_id: Whose ledger.
        keys: The person's object ID and the keys of their rows, as written in the tables.
    """
    parameters = {f"key{number}": key for number, key in enumerate(sorted(set(keys)))}
    about = " or ".join(f"User eq @{name} or ContractorKey eq @{name}" for name in parameters)
    if not about:
        return []
    async with tables.table(ledger.TABLE) as table:
        found = table.query_entities(
            # The SDK knows a parameter by the spaces around it.
            f"PartitionKey eq @group and ( {about} )",
            parameters={"group": group_id, **parameters},
        )
        return [ledger_rows.read_link(entity).entry async for entity in found]


def _held_person(entity: Entity) -> HeldPerson:
    kind, _, name = str(entity["RowKey"]).partition("-")
    joins = kind == "joiner"
    return HeldPerson(
        user_id="" if joins else name,
        row_key=name if joins else text(entity, "ContractorKey"),
        end_date=text(entity, "EndDate"),
    )
