"""A stage for a measurement: Azurite, and a directory in a process of its own with a group of a given size."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from enforcer.settings import Settings, load_settings
from sandbox.azurite import running_azurite_async
from sandbox.directory.client import SandboxClient
from sandbox.directory.settings import Settings as DirectorySettings
from sandbox.directory.tenant import Tenant
from sandbox.directory.tenant_file import dump

_ROWS_IN_A_TRANSACTION = 100
ENDED, RUNNING = "2026-01-31", "2098-12-31"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    settings: Settings
    group_id: str
    user_ids: tuple[str, ...]
    directory: SandboxClient


@asynccontextmanager
async def running_stage(
    *, members: int, due: int, rows: int | None = None, directory: DirectorySettings | None = None
) -> AsyncIterator[Stage]:
    """Set the stage: the first `due` members' access has ended, the others' has not.

    Args:
        members: How many users are in the managed group.
        rows: How many rows the register has; by default one for each member.
    """
    tenant = Tenant()
    tenant.add_managed_identity(
        "enforcer", "GroupMember.ReadWrite.All", "User.Read.All", "User.RevokeSessions.All"
    )
    users = [tenant.add_user(f"Person {number:06d}") for number in range(members)]
    group = tenant.add_group("Contractors", members=users)
    ids = tuple(user.id for user in users)
    async with running_azurite_async() as storage, _running_directory(tenant, directory) as found:
        for name in ("identity_endpoint", "identity_header"):
            os.environ[name.upper()] = found[name]
        settings = load_settings(
            {
                "ENFORCER_GROUP_IDS": group.id,
                "ENFORCER_GRAPH_URL": found["url"],
                "ENFORCER_BRAKE_COUNT": "1000000",
                "EnforcerStorage": storage.connection_string,
            }
        )
        await _fill_register(storage.connection_string, group.id, _row_keys(ids, rows or members), due)
        with SandboxClient.at(found["url"]) as client:
            yield Stage(settings=settings, group_id=group.id, user_ids=ids, directory=client)


@asynccontextmanager
async def _running_directory(
    tenant: Tenant, settings: DirectorySettings | None
) -> AsyncIterator[dict[str, str]]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "tenant.json"
        file.write_bytes(dump(tenant))  # noqa: ASYNC240 -- nothing else is running yet
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "sandbox.directory", "--tenant", str(file)),
            *("--settings", msgspec.json.encode(settings or DirectorySettings()).decode()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the directory has no pipes")
        try:
            yield msgspec.json.decode(await process.stdout.readline(), type=dict[str, str])
        finally:
            process.stdin.close()
            await process.wait()


def _row_keys(ids: tuple[str, ...], rows: int) -> list[str]:
    """One row for each member, and others for people who are in no group."""
    return [*ids, *(f"nobody.{number:06d}@example.com" for number in range(rows - len(ids)))]


async def _fill_register(connection_string: str, group_id: str, keys: list[str], due: int) -> None:
    from azure.data.tables.aio import TableServiceClient  # noqa: PLC0415

    async with TableServiceClient.from_connection_string(connection_string) as service:
        table = await service.create_table_if_not_exists("contractors")
        entities = [
            {
                "PartitionKey": group_id,
                "RowKey": key,
                "EndDate": ENDED if number < due or "@" in key else RUNNING,
                "DisplayName": f"Person {number}",
            }
            for number, key in enumerate(keys)
        ]
        for start in range(0, len(entities), _ROWS_IN_A_TRANSACTION):
            chunk = entities[start : start + _ROWS_IN_A_TRANSACTION]
            await table.submit_transaction([("upsert", entity) for entity in chunk])
