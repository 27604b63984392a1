"""Who manages policies: the operator, with a sign-in of his own, never the function's identity."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from enforcer.graph.client import GraphClient
from enforcer.settings import Settings


@asynccontextmanager
async def operators_graph(settings: Settings) -> AsyncIterator[GraphClient]:
    """Open Graph as whoever is signed in here: by the environment, in a pipeline, with Azure CLI or azd."""
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 -- 240 modules

    async with (
        DefaultAzureCredential(exclude_managed_identity_credential=True) as credential,
        GraphClient(settings, credential=credential) as client,
    ):
        yield client
