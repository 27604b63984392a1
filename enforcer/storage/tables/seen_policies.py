"""Table `policies`: which of our Conditional Access policies were enabled once, and the last look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from enforcer.core.drift import SeenPolicies
from enforcer.storage.tables.tables import Entity, Tables, text

TABLE = "policies"
# The row of the last look; no template has this name, which contains what no file's name does.
_LOOK = "*"


class PolicyMemory:
    """Remembers policies; whoever gives one up for good deletes its row."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def recall(self, group_ids: Iterable[str]) -> SeenPolicies:
        """Return what the runs of these managed groups saw."""
        rows: list[Entity] = []
        async with self._tables.table(TABLE) as table:
            for group in group_ids:
                found = table.query_entities("PartitionKey eq @group", parameters={"group": group})
                rows += [dict(entity) async for entity in found]
        enabled = {row["RowKey"]: text(row, "Name") for row in rows if row["RowKey"] != _LOOK}
        return SeenPolicies(looked=bool(rows), enabled=enabled)

    async def remember(self, group_id: str, enabled: Mapping[str, str], now: datetime) -> None:
        """Keep that a run read the policies, and which were enabled.

        Args:
            group_id: The managed group of the run.
            enabled: The policies' names, by their templates' names.
            now: When it was.
        """
        seen = {_LOOK: "", **enabled}
        rows = [{"PartitionKey": group_id, "RowKey": key, "Name": seen[key], "SeenAt": now} for key in seen]
        await self._tables.submit(TABLE, [("upsert", row, {"mode": "replace"}) for row in rows])
