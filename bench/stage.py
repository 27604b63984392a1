"""A stage for a measurement: Azurite, and a directory in its own process with groups of a given size."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from enforcer.concurrency import each
from enforcer.core.settings import Settings, load_settings
from sandbox.azurite import StorageEndpoints, running_azurite_async
from sandbox.directory.client import SandboxClient
from sandbox.directory.settings import Settings as DirectorySettings
from sandbox.directory.tenant import Tenant
from sandbox.directory.tenant_file import dump

AUDIENCE = "api://enforcer"
ENDED, RUNNING = "2026-01-31", "2098-12-31"

_PERMISSIONS = (
    "GroupMember.ReadWrite.All",
    "User.Read.All",
    "User.RevokeSessions.All",
    "User.EnableDisableAccount.All",
)
_ROWS_IN_A_TRANSACTION = 100
_TRANSACTIONS_AT_ONCE = 3
# The brake would hold the plans measured here.
_NO_BRAKE = {"ENFORCER_BRAKE_COUNT": "1000000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is on the stage.

    Attributes:
        members: How many users are in each managed group.
        due: How many of them are due.
        rows: How many rows each group's register has; the first are the members'.
        groups: The number of managed groups.
        outsiders: How many users of the tenant are in no group.
        directory: How the directory behaves.
        settings: Settings of the product in addition to the required ones.
    """

    members: int
    due: int
    rows: int
    groups: int = 1
    outsiders: int = 0
    directory: DirectorySettings = field(default_factory=DirectorySettings)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage that has been set up.

    Attributes:
        environ: The settings with which the product finds everything.
        members: The object IDs of each managed group's members.
        due: Those whose access has ended, of all groups.
        outsiders: The addresses of users who are in no group.
    """

    environ: Mapping[str, str]
    members: Mapping[str, tuple[str, ...]]
    due: frozenset[str]
    outsiders: tuple[str, ...]
    directory: SandboxClient
    storage: StorageEndpoints

    @property
    def settings(self) -> Settings:
        return load_settings(self.environ)

    @property
    def group_id(self) -> str:
        """The one managed group, or the first of them."""
        return next(iter(self.members))

    def left_over(self) -> int:
        """Count the due who are still members."""
        return sum(len(self.due.intersection(group.members)) for group in self.directory.tenant().groups)


# Rows written just before a sweep are rechecked; a real night does not begin right after the HR feed.
_SETTLED_SECONDS = 2.5


@asynccontextmanager
async def running_stage(scene: Scene) -> AsyncIterator[Stage]:
    """Set up the stage; nothing is left of it afterwards."""
    tenant = Tenant()
    tenant.add_managed_identity("enforcer", *_PERMISSIONS)
    members = dict(_add_group(tenant, scene, number) for number in range(scene.groups))
    outsiders = [tenant.add_user(f"Outsider {number:06d}") for number in range(scene.outsiders)]
    async with running_azurite_async() as storage, _running_directory(tenant, scene.directory) as found:
        environ = {
            "ENFORCER_GROUP_IDS": ",".join(members),
            "ENFORCER_MODE": "enforce",
            "EnforcerStorage": storage.connection_string,
            **_where_entra_is(found),
            **_NO_BRAKE,
            **scene.settings,
        }
        # azure-identity looks nowhere else.
        os.environ.update({name: environ[name] for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")})
        for group_id, ids in members.items():
            await _fill_register(storage.connection_string, group_id, scene, ids)
        await asyncio.sleep(_SETTLED_SECONDS)
        with SandboxClient.at(found["url"]) as client:
            client.clear_log()
            yield Stage(
                environ=environ,
                members=members,
                due=frozenset(user_id for ids in members.values() for user_id in ids[: scene.due]),
                outsiders=tuple(user.user_principal_name for user in outsiders),
                directory=client,
                storage=storage,
            )


def _where_entra_is(found: Mapping[str, str]) -> dict[str, str]:
    return {
        "ENFORCER_GRAPH_URL": found["url"],
        "ENFORCER_AUTHORITY_URL": found["authority"],
        "ENFORCER_TENANT_ID": found["tenant_id"],
        "ENFORCER_API_AUDIENCE": AUDIENCE,
        "IDENTITY_ENDPOINT": found["identity_endpoint"],
        "IDENTITY_HEADER": found["identity_header"],
    }


def _add_group(tenant: Tenant, scene: Scene, number: int) -> tuple[str, tuple[str, ...]]:
    users = [tenant.add_user(f"Person {number:02d}-{index:06d}") for index in range(scene.members)]
    return tenant.add_group(f"Contractors {number}", members=users).id, tuple(user.id for user in users)


@asynccontextmanager
async def _running_directory(tenant: Tenant, settings: DirectorySettings) -> AsyncIterator[dict[str, str]]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "tenant.json"
        file.write_bytes(dump(tenant))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "sandbox.directory", "--tenant", str(file)),
            *("--settings", msgspec.json.encode(_strict(settings)).decode()),
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


def _strict(settings: DirectorySettings) -> DirectorySettings:
    """Make the directory check permissions: the enforcer has what it needs, but may not read policies."""
    return msgspec.structs.replace(settings, enforce_permissions=True)


async def _fill_register(connection_string: str, group_id: str, scene: Scene, ids: Sequence[str]) -> None:
    """Write a row for each member, and others for people who left long ago."""
    from azure.data.tables.aio import TableServiceClient

    # Without rows, nobody is registered yet.
    keys = [*ids, *(f"nobody.{number:06d}@example.com" for number in range(scene.rows - len(ids)))][
        : scene.rows
    ]
    entities = [
        {
            "PartitionKey": group_id,
            "RowKey": key,
            "EndDate": RUNNING if scene.due <= number < len(ids) else ENDED,
            "DisplayName": f"Person {number}",
            "Company": "Fabrikam Ltd.",
            "Sponsor": "sponsor@contoso.example",
        }
        for number, key in enumerate(keys)
    ]
    async with TableServiceClient.from_connection_string(connection_string) as service:
        table = await service.create_table_if_not_exists("contractors")

        async def write(start: int) -> None:
            chunk = entities[start : start + _ROWS_IN_A_TRANSACTION]
            await table.submit_transaction([("upsert", entity) for entity in chunk])

        starts = range(0, len(entities), _ROWS_IN_A_TRANSACTION)
        await each(starts, write, at_once=_TRANSACTIONS_AT_ONCE)
