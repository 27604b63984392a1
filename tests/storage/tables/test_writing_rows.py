"""What docs/writing-rows.md tells other tools to write is what the register reads."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import (
    AccountSasPermissions,
    ResourceTypes,
    TableClient,
    TableServiceClient,
    generate_account_sas,
)

from enforcer.core.calendar.dates import ends_at
from enforcer.core.calendar.midnight import DateRules, Midnight
from enforcer.core.contractors import Contractor, read_row
from enforcer.storage.tables.register import TABLE, Register
from enforcer.storage.tables.tables import Tables
from sandbox.azurite import KEY, StorageEndpoints

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[3] / "docs" / "writing-rows.md").read_text(encoding="utf-8")
CHIARA, DAY = "chiara.conti@contoso.onmicrosoft.com", "2026-12-31"
BERLIN = DateRules(zone=ZoneInfo("Europe/Berlin"))


def block(language: str) -> str:
    """Return the page's first block of code in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found, language
    return found[1]


async def read(tables: Tables, group: str) -> Contractor:
    row = await Register(tables).whole_row(group, CHIARA)
    assert row is not None
    found = read_row(row, BERLIN)
    assert isinstance(found, Contractor)
    return found


@pytest.fixture
def client(azurite: StorageEndpoints) -> Iterator[TableClient]:
    with TableServiceClient.from_connection_string(azurite.connection_string) as service:
        service.create_table_if_not_exists(TABLE)
        with service.get_table_client(TABLE) as client:
            yield client


@pytest.mark.parametrize(
    "ends", [date(2026, 12, 31), datetime(2026, 12, 31, 14, 30, tzinfo=ZoneInfo("Europe/Berlin"))]
)
async def test_what_python_writes(tables: Tables, client: TableClient, group: str, ends: date) -> None:
    exec(block("python"), {"table": client, "group": group, "contractor": CHIARA, "ends": ends})  # noqa: S102
    assert (await read(tables, group)).end_date == DAY


async def test_a_time_that_python_writes_as_it_is_is_found(
    tables: Tables, client: TableClient, group: str
) -> None:
    midnight = datetime(2026, 12, 31, tzinfo=BERLIN.zone)
    client.upsert_entity({"PartitionKey": group, "RowKey": CHIARA, "EndDate": midnight})
    assert "write 2026-12-31 if" in BERLIN.about_midnight((await read(tables, group)).end_date)


@pytest.mark.parametrize("clock", ["Europe/Berlin", "America/New_York", "Pacific/Auckland", "UTC"])
async def test_what_javascript_writes(tables: Tables, client: TableClient, group: str, clock: str) -> None:
    program = "const picked = new Date(2026, 11, 31); console.log(lastDay(picked), picked.toISOString())"
    day, instead = _node(block("js") + program, clock)
    client.upsert_entity({"PartitionKey": group, "RowKey": CHIARA, "EndDate": day})
    assert (day, (await read(tables, group)).end_date) == (DAY, DAY)
    # The trap that the page warns of.
    assert "write 2026-12-31 if" in DateRules(zone=ZoneInfo(clock)).about_midnight(instead)


def _node(program: str, clock: str) -> list[str]:
    environ = {**os.environ, "TZ": clock}
    command = ["node", "--input-type=module", "--eval", program]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout.split()


async def test_what_power_automate_sends(
    azurite: StorageEndpoints, tables: Tables, client: TableClient, group: str
) -> None:
    entity = json.loads(block("json"))
    assert entity["RowKey"] == CHIARA
    # What the expression becomes before the connector sends it.
    entity = {
        **entity,
        "PartitionKey": group,
        "EndDate": re.sub(r"^@\{formatDateTime\(.*", DAY, entity["EndDate"]),
    }
    sas = generate_account_sas(
        AzureNamedKeyCredential(azurite.account, KEY),
        resource_types=ResourceTypes(object=True),
        permission=AccountSasPermissions(add=True, update=True),
        expiry=datetime(2099, 1, 1, tzinfo=UTC),
    )
    url = f"{azurite.table_url}/{client.table_name}(PartitionKey='{group}',RowKey='{CHIARA}')?{sas}"
    async with httpx.AsyncClient() as http:
        answer = await http.request("MERGE", url, json=entity, headers={"Accept": "application/json"})
    assert answer.status_code == 204, answer.text
    assert (await read(tables, group)).end_date == DAY


def test_the_page_tells_truly_when_access_ends() -> None:
    rows = re.findall(r"^\| `(\S+/\S+)` \| `(\S+)` \| ([0-9: -]+) \| ([0-9: -]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for name, written, as_instant, as_day in rows:
        zone = ZoneInfo(name)
        for midnight, told in ((Midnight.INSTANT, as_instant), (Midnight.DAY, as_day)):
            end = DateRules(zone=zone, midnight=midnight).ends_at(written)
            assert f"{end.astimezone(zone):%Y-%m-%d %H:%M}" == told, (name, written, midnight)
        assert ends_at(written, zone) == DateRules(zone=zone).ends_at(written)
