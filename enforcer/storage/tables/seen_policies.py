"""Table `policies`: which of our Conditional Access policies were enabled once, and the last look."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from enforcer.core.drift import SeenPolicies
from enforcer.storage.tables.tables import Entity, Tables, text

TABLE = "policies"
_ENABLED = "enabled"
_LOOK = "look"


class PolicyMemory:
    """Remembers policies; whoever gives one up for good deletes its row."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def recall(self) -> SeenPolicies:
        async with self._tables.table(TABLE) as table:
            rows = [entity async for entity in table.list_entities()]
        enabled = {row["RowKey"]: text(row, "Name") for row in rows if row["PartitionKey"] == _ENABLED}
        return SeenPolicies(looked=bool(rows), enabled=enabled)

    async def remember(self, enabled: Iterable[tuple[str, str]], now: datetime) -> None:
        """Keep that the policies were read, and which were enabled: their templates' names and their own."""
        look: Entity = {"PartitionKey": _LOOK, "RowKey": "last", "At": now}
        rows: list[Entity] = [
            {"PartitionKey": _ENABLED, "RowKey": key, "Name": name, "SeenAt": now} for key, name in enabled
        ]
        async with self._tables.table(TABLE) as table:
            for row in (look, *rows):
                await table.upsert_entity(row, mode="replace")
