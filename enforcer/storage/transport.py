"""The HTTP transport to storage: one deadline around every attempt, and one kind of error.

Imported only when storage is used: it needs azure-core and aiohttp.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import Any

import aiohttp
from azure.core.exceptions import AzureError, IncompleteReadError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import AsyncHttpResponse, HttpRequest
from azure.core.rest import HttpRequest as RestHttpRequest

from enforcer.concurrency import bounded
from enforcer.renewable import Renewable
from enforcer.telemetry.storage import TracedTransport

_CONNECT_SECONDS, _READ_SECONDS = 10, 30


class BoundedTransport(TracedTransport):
    """azure-core's transport, traced: an attempt ends in time, with a response or an AzureError.

    Args:
        service: `tables`, `queues` or `blobs`.
        seconds: How long one attempt may take, including the wait for a connection and the whole response.
    """

    def __init__(self, service: str, seconds: float) -> None:
        super().__init__(service, connection_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS)
        self._seconds = seconds
        self._sessions = Renewable(_new_session, aiohttp.ClientSession.close)
        self._closed = False

    async def send(self, request: HttpRequest | RestHttpRequest, **config: Any) -> AsyncHttpResponse:
        """Send a request and read the whole response.

        Raises:
            AzureError: The response is missing or incomplete; the call may have taken effect.
        """
        if self._closed:
            raise ServiceRequestError("the connection to storage has been closed")
        with self._sessions.using() as handle:
            self.session = handle.client
            try:
                # The SDK would read a transaction's response later, outside all deadlines and retries.
                return await bounded(super().send(request, **{**config, "stream": False}), self._seconds)
            except IncompleteReadError as error:
                raise ServiceResponseError(error.message, error=error) from error
            except AzureError:
                raise
            except Exception as error:  # time is up, or the library failed: its pool may be stuck
                self._sessions.retire(handle)
                raise ServiceResponseError(f"{type(error).__name__} {error}", error=error) from error

    async def close(self) -> None:
        """Close the connections for good."""
        self._closed = True
        await self._sessions.close()


def _new_session() -> aiohttp.ClientSession:
    """Create a session like azure-core's own."""
    paths = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_trust(*paths) if any(paths) else True),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=True,
    )


@cache
def _trust(*_paths: str | None) -> ssl.SSLContext:
    """Load the certificate authorities at these paths; aiohttp uses those set when it was imported."""
    return ssl.create_default_context()
