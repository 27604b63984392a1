"""What programs, spreadsheets and people write into a register that nobody can act upon."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from azure.data.tables import EdmType, EntityProperty

# What other people's programs and spreadsheets write where an end date should be, in the types that the table
# SDK returns.
NO_DATES: list[object] = [
    None,
    "",
    " ",
    "n/a",
    "unlimited",
    "31.12.2026",
    "12/31/2026",
    "2026-02-30",
    "2027-02-29",
    "2026-13-01",
    "2026-11-31",
    "20261231",
    "2026-12-31T17:00:00",
    "2026-12-31 or later",
    "9999-12-31",
    "9999-12-31T23:59:59Z",
    "0001-01-01",
    "1899-12-30",
    "1970-01-01",
    "1970-01-01T00:00:00Z",
    "📅🤷",
    "'2026-12-31",
    '{"date": "2026-12-31"}',
    "=TODAY()",
    "46387",
    "x" * 32_000,
    46387,
    -1,
    0,
    True,
    46387.5,
    float("nan"),
    float("inf"),
    b"2026-12-31",
    b"",
    UUID("11111111-2222-3333-4444-555555555555"),
    EntityProperty(2**40, EdmType.INT64),
    datetime(1601, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]

# What they write where an object ID or an address should be, meaning somebody, nobody or anybody.
NO_KEYS = [
    "{{{guid}}}",
    "({guid})",
    " {guid}",
    "urn:uuid:{guid}",
    "{bare}",
    "<{mail}>",
    "mailto:{mail}",
    "{mail},",
    "Person <{mail}>",
    "i:0#.f|membership|{mail}",
    "{name}",
    "{mail} ({name})",
    "👩‍💻 {name}",
    "4711-{bare}",
    "",
]
