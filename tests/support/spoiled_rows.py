"""Writes rows as no SDK would: anything that JSON can hold, with any declared type."""

from __future__ import annotations

import json

from azure.core.rest import HttpRequest

from enforcer.storage.tables.tables import Tables

HALF = "\ud83d"
# Rows of a register, by key, that can be shown but not acted upon.
ROWS: dict[str, dict[str, object]] = {
    f"ann{HALF}@x.example": {"EndDate": "2020-01-31"},
    "bob@x.example": {"EndDate": f"2020-01-3{HALF}", "Note": f"half {HALF}"},
    "cal@x.example": {"EndDate": "2020-01-31", "EndDate_type": "Edm.DateTime"},
    "dan@x.example": {"EndDate": "nonsense", "EndDate_type": "Edm.DateTime"},
    "eve@x.example": {"EndDate": "99999-01-31T00:00:00Z", "EndDate_type": "Edm.DateTime"},
    "fay@x.example": {"EndDate": "x", "EndDate_type": "Edm.Int64"},
    "gil@x.example": {"EndDate": "x", "EndDate_type": "Edm.Guid"},
    "hal@x.example": {"EndDate": "%%", "EndDate_type": "Edm.Binary"},
    "ida@x.example": {"EndDate": None, "Note": f"half {HALF}"},
    "jon@x.example": {"EndDate": 1e300},
    "kim@x.example": {"EndDate": 2**40, "DisplayName": "x", "DisplayName_type": "Edm.DateTime"},
    "lea@x.example": {f"End{HALF}Date": "2020-01-31"},
}
SHOWN = {key.replace(HALF, "\\ud83d") for key in ROWS}


async def insert(tables: Tables, table: str, **properties: object) -> None:
    """Insert an entity. A type is given as `EndDate_type="Edm.DateTime"`."""
    entity = {name.replace("_type", "@odata.type"): value for name, value in properties.items()}
    async with tables.table(table) as client:
        request = HttpRequest(
            "POST",
            f"{client.url}/{table}",
            # Escaped, as JSON allows: UTF-8 cannot hold half a surrogate pair.
            content=json.dumps(entity).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json;odata=minimalmetadata"},
        )
        response = await client._client.send_request(request)  # no public SDK method allows this
        response.raise_for_status()


async def spoil_register(tables: Tables, group_id: str) -> None:
    """Write all these rows to a group's part of the register."""
    for key, properties in ROWS.items():
        await insert(tables, "contractors", PartitionKey=group_id, RowKey=key, **properties)
