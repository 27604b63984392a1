"""A process that appends entries one by one; its arguments: connection string, group, name and count."""

from __future__ import annotations

import asyncio
import sys

from enforcer.core.settings import Storage
from enforcer.storage.tables.ledger import Ledger
from enforcer.storage.tables.tables import Tables
from tests.support.ledger_entries import entry


async def write(connection_string: str, group_id: str, name: str, count: int) -> None:
    async with Tables(Storage(connection_string=connection_string)) as tables:
        ledger = Ledger(tables)
        for number in range(count):
            await ledger.append(group_id, [entry(group_id, str(number), actor=name)])


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
