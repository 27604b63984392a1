"""Sign-in for managing policies: the operator's own, never the function's identity."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from enforcer import clock
from enforcer.core.settings import Settings
from enforcer.graph.client import GraphClient

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.credentials_async import AsyncTokenCredential

_RENEW_BEFORE_SECONDS = 300


class RememberingCredential:
    """Caches another credential's token until it is about to expire.

    Azure CLI and the like start a process for each token, which takes a second every time.
    """

    def __init__(self, credential: AsyncTokenCredential) -> None:
        self._credential = credential
        self._token: AccessToken | None = None

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **more: Any
    ) -> AccessToken:
        token = self._token
        if token is None or claims or token.expires_on - clock.now().timestamp() < _RENEW_BEFORE_SECONDS:
            token = await self._credential.get_token(*scopes, claims=claims, tenant_id=tenant_id, **more)
            self._token = token
        return token

    async def close(self) -> None:
        await self._credential.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@asynccontextmanager
async def operators_graph(settings: Settings) -> AsyncIterator[GraphClient]:
    """Open Graph as whoever is signed in: by the environment, a pipeline, Azure CLI or azd."""
    from azure.identity.aio import DefaultAzureCredential

    default = DefaultAzureCredential(exclude_managed_identity_credential=True)
    async with (
        RememberingCredential(default) as credential,
        GraphClient(settings, credential=credential) as client,
    ):
        yield client
