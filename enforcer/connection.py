"""A client of one storage service, for one event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self

from enforcer.settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


class Closable(Protocol):
    async def close(self) -> None: ...


class Connection[C: Closable]:
    """Connects at the first use. Use as a context manager, or call `close`.

    Args:
        storage: Where the service is, and who asks.
        connect: Makes the client; the credential is None where there is a connection string.
    """

    def __init__(
        self, storage: Storage, connect: Callable[[Storage, AsyncTokenCredential | None], C]
    ) -> None:
        self._storage, self._connect = storage, connect
        self._client: C | None = None
        self._credential: AsyncTokenCredential | None = None

    @property
    def client(self) -> C:
        """The client, connected. Raises: as `connect`."""
        if self._client is None:
            if not self._storage.connection_string and self._credential is None:
                from enforcer.credentials import default_credential  # noqa: PLC0415

                self._credential = default_credential(self._storage.client_id)
            self._client = self._connect(self._storage, self._credential)
        return self._client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        if self._credential is not None:
            await self._credential.close()
        self._client = self._credential = None
