"""The whole product in a local tenant: Azurite, the directory, and the function app on the worker library."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.azure_cli import signed_in
from sandbox.azurite import running_azurite_async
from sandbox.company import Company, found_company
from sandbox.directory.server import DirectoryServer, running_directory
from sandbox.directory.tokens import TokenKind, TokenRequest
from sandbox.host.process import HostProcess, running_host_async

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTenant:
    """Where everything is; `environ` holds the settings with which the product finds it."""

    company: Company
    directory: DirectoryServer
    host: HostProcess
    environ: Mapping[str, str]


@asynccontextmanager
async def running_local_tenant(build: Path) -> AsyncIterator[LocalTenant]:
    """Run everything on free ports; nothing is left running afterwards.

    Args:
        build: A folder for the logs.
    """
    build.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 -- before anything runs
    company = found_company(datetime.now(UTC).date())
    async with (
        running_azurite_async() as storage,
        running_directory(company.tenant) as directory,
    ):
        environ = {
            **os.environ,
            **_settings(company, directory, storage.connection_string),
            # In place of `az login`, the local tenant has an `az` of its own.
            **signed_in(build, directory.url, company.operator.id),
        }
        _write_policy_values(company, build / "policy-values.json")
        await _write_register(company, environ)
        with (build / "host.log").open("wb") as log:
            async with running_host_async(
                PROJECT, settings=environ, arguments=["--callers", "behind-app-service"], log=log
            ) as host:
                yield LocalTenant(company=company, directory=directory, host=host, environ=environ)


async def enforcer(environ: Mapping[str, str], *arguments: str) -> int:
    """Run `python -m enforcer …` as a user would; return its exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "enforcer", *arguments, env=dict(environ), cwd=PROJECT
    )
    return await process.wait()


def shown(path: Path) -> str:
    """Return a path as people would type it in the project folder."""
    return str(path.relative_to(PROJECT))


def operator_token(tenant: LocalTenant, role: str) -> str:
    """Return a token for the HTTP API, with an app role, valid for eight hours."""
    return tenant.directory.token(_order(tenant, role, TokenKind.ACCESS))


def session_token(tenant: LocalTenant, role: str) -> str:
    """Return the ID token of somebody with an app role who is signed in to the page."""
    return tenant.directory.token(_order(tenant, role, TokenKind.ID))


def _order(tenant: LocalTenant, role: str, kind: TokenKind) -> TokenRequest:
    company = tenant.company
    # Whoever caused a plan cannot approve it: the approver is somebody else.
    person = company.approver if role == "Contractors.Approve" else company.operator
    return TokenRequest(
        audience=f"api://{company.api.app_id}", user=person.id, roles=[role], seconds=8 * 3600, kind=kind
    )


def _settings(company: Company, directory: DirectoryServer, connection_string: str) -> dict[str, str]:
    return {
        **directory.environment,
        "ENFORCER_GROUP_IDS": company.contractors.id,
        "ENFORCER_MODE": "enforce",
        "ENFORCER_TIME_ZONE": "Europe/Berlin",
        "ENFORCER_API_AUDIENCE": f"api://{company.api.app_id}",
        "ENFORCER_MAIL_SENDER": company.operator.user_principal_name,
        "EnforcerStorage": connection_string,
        "AzureWebJobsStorage": connection_string,
    }


def _write_policy_values(company: Company, path: Path) -> None:
    """Write this tenant's values for the placeholders of the Conditional Access policies."""
    values = {
        "breakGlassAccounts": [account.id for account in company.break_glass],
        "populationGroups": [company.everybody.id],
        "allowedApps": ["Office365"],
    }
    path.write_text(json.dumps(values, indent=2), encoding="utf-8")


async def _write_register(company: Company, environ: Mapping[str, str]) -> None:
    """Write the register as HR would: straight into the table, an unreadable row included."""
    from azure.data.tables.aio import TableServiceClient

    async with TableServiceClient.from_connection_string(environ["EnforcerStorage"]) as service:
        table = await service.create_table_if_not_exists("contractors")
        for row in company.rows:
            await table.upsert_entity(
                {
                    "PartitionKey": company.contractors.id,
                    "RowKey": row.row_key,
                    "EndDate": row.end_date,
                    "DisplayName": row.display_name,
                    "Company": row.company,
                    "Sponsor": row.sponsor,
                }
            )
