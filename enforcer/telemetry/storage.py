"""Traces every call to Table, Queue and Blob Storage, as the transport of their clients.

Not imported by `enforcer.telemetry`: only callers of storage need azure-core.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpResponse, HttpRequest
from azure.core.rest import HttpRequest as RestHttpRequest

from enforcer.telemetry.calls import call


class TracedTransport(AioHttpTransport):  # type: ignore[misc]  # azure-core exports it lazily, untyped
    """azure-core's transport with a span around each attempt.

    Args:
        service: `tables`, `queues` or `blobs`.
    """

    def __init__(self, service: str, **options: Any) -> None:
        super().__init__(**options)
        self._service = service

    async def send(self, request: HttpRequest | RestHttpRequest, **config: Any) -> AsyncHttpResponse:
        with call(self._service, request.method, storage_route(request.url)) as traced:
            response: AsyncHttpResponse = await super().send(request, **config)
            traced.answered(response.status_code, request_id=response.headers.get("x-ms-request-id", ""))
            return response


def storage_route(url: str) -> str:
    """Return the path of a storage URL without its query and entity keys, which may be people's addresses."""
    return re.sub(r"\(.*\)$", "()", urlsplit(url).path)
