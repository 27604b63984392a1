"""A client for one storage service and event loop; its exceptions become this project's errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self

from enforcer.core.exceptions import AccessDeniedError, SettingsError, UnavailableError
from enforcer.core.settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


# One attempt of a call to storage, including the wait for a connection and the whole response.
CALL_SECONDS = 40.0


class Closable(Protocol):
    async def close(self) -> None: ...


class Connection[C: Closable]:
    """Connects on first use. Use as a context manager, or call `close`.

    Args:
        storage: Where the service is, and which identity to use.
        connect: Creates the client; the credential is None if there is a connection string.
    """

    def __init__(
        self, storage: Storage, connect: Callable[[Storage, AsyncTokenCredential | None], C]
    ) -> None:
        self._storage, self._connect = storage, connect
        self._client: C | None = None
        self._credential: AsyncTokenCredential | None = None

    @property
    def client(self) -> C:
        """The connected client. Raises: as `connect`."""
        if self._client is None:
            if not self._storage.connection_string and self._credential is None:
                from enforcer.credentials import default_credential

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


def call_options(service: str, *, retries: int) -> dict[str, Any]:
    """Return the options of a queue or blob client: its retries and its transport.

    By default the SDK waits 15 s before its second attempt, and somebody may be waiting for the answer.
    """
    from enforcer.storage.transport import BoundedTransport

    return {
        "retry_total": retries,
        "initial_backoff": 1,
        "increment_base": 2,
        "random_jitter_range": 1,
        "transport": BoundedTransport(service, CALL_SECONDS),
    }


@contextmanager
def made_by_settings(service: str) -> Iterator[None]:
    """Name the setting if the SDK cannot create a client from it.

    Raises:
        SettingsError: EnforcerStorage cannot be used for this service; for example, its endpoint is missing.
    """
    try:
        yield
    except ValueError as error:
        raise SettingsError((f"EnforcerStorage cannot be used for {service}: {error}",)) from error


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the storage SDK's exceptions into this project's errors.

    Other 4xx (404, 409, 412) pass through: callers expect them.

    Raises:
        AccessDeniedError: Storage refuses this identity.
        UnavailableError: Storage did not answer, or not in time.
    """
    from azure.core import exceptions

    try:
        yield
    except exceptions.ClientAuthenticationError as error:
        raise AccessDeniedError(f"storage refuses this identity: {error.message[:240]}") from error
    except (exceptions.ServiceRequestError, exceptions.ServiceResponseError) as error:
        raise UnavailableError(f"storage did not answer: {error.message[:240]}") from error
    except exceptions.HttpResponseError as error:
        status = error.status_code or 0
        if status in {401, 403}:
            raise AccessDeniedError(f"storage refuses this identity: {error.message[:240]}") from error
        if 400 <= status < 500 and status not in {408, 429}:  # noqa: PLR2004
            raise
        # A 200 that ends up here has an unreadable body.
        raise UnavailableError(f"storage answered {status}: {error.message[:240]}") from error
    except exceptions.AzureError as error:
        raise UnavailableError(f"storage's answer cannot be used: {error.message[:240]}") from error
