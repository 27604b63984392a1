"""What a user would write instead: the SDKs' own typed calls, one after the other.

It reads the members and the register, removes everybody whose end date has passed from the group and revokes
their sessions, one by one. It records nothing, rechecks nothing and survives no crash.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.stage import Stage

if TYPE_CHECKING:
    from msgraph.graph_service_client import GraphServiceClient


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopTimes:
    """How long the loop took, in seconds.

    Attributes:
        reading: Members and register.
        each: One person, on average.
    """

    reading: float
    each: float

    def scaled_to(self, people: int) -> float:
        return self.reading + people * self.each


async def run_loop(stage: Stage, people: int) -> LoopTimes:
    """Run the loop for the first few people who are due."""
    async with graph_client(stage.environ["ENFORCER_GRAPH_URL"]) as graph:
        started = time.perf_counter()
        due = await read_due(graph, stage.group_id, stage.environ["EnforcerStorage"])
        read = time.perf_counter()
        for user_id in due[:people]:
            await (
                graph.groups.by_group_id(stage.group_id).members.by_directory_object_id(user_id).ref.delete()
            )
            await graph.users.by_user_id(user_id).revoke_sign_in_sessions.post()
        done = time.perf_counter()
    return LoopTimes(reading=read - started, each=(done - read) / people)


async def read_due(graph: GraphServiceClient, group_id: str, connection_string: str) -> list[str]:
    """Return the members whose end date has passed."""
    from azure.data.tables.aio import TableClient

    members = await _members(graph, group_id)
    table = TableClient.from_connection_string(connection_string, "contractors")
    async with table:
        rows = [row async for row in table.query_entities("PartitionKey eq @g", parameters={"g": group_id})]
    today = datetime.now(UTC).date().isoformat()
    ended = {row["RowKey"] for row in rows if row["EndDate"] < today}
    return [member for member in members if member in ended]


async def _members(graph: GraphServiceClient, group_id: str) -> list[str]:
    builder = graph.groups.by_group_id(group_id).members
    page = await builder.get()
    found: list[str] = []
    while page is not None:
        found += [member.id for member in page.value or () if member.id]
        page = await builder.with_url(page.odata_next_link).get() if page.odata_next_link else None
    return found


@asynccontextmanager
async def graph_client(url: str) -> AsyncIterator[GraphServiceClient]:
    """Return the SDK's own client, with its own retries, for Graph at another address."""
    import httpx
    from azure.identity.aio import ManagedIdentityCredential
    from kiota_authentication_azure.azure_identity_authentication_provider import (
        AzureIdentityAuthenticationProvider,
    )
    from msgraph.graph_request_adapter import GraphRequestAdapter, options
    from msgraph.graph_service_client import GraphServiceClient
    from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]

    async with ManagedIdentityCredential() as credential:
        provider = AzureIdentityAuthenticationProvider(
            credential,
            scopes=["https://graph.microsoft.com/.default"],
            allowed_hosts=[urlsplit(url).hostname or ""],
        )
        transport = httpx.AsyncHTTPTransport(http2=True)
        plain = httpx.AsyncClient(
            transport=transport, base_url=f"{url}/v1.0", timeout=httpx.Timeout(30, connect=10)
        )
        http = GraphClientFactory.create_with_default_middleware(client=plain, options=options)
        adapter = GraphRequestAdapter(provider, client=http)
        adapter.base_url = f"{url}/v1.0"
        # With its middleware, the SDK's client does not close its HTTP client.
        async with transport, http:
            yield GraphServiceClient(request_adapter=adapter)
